// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_preview.h"

#include "config/parsed_text.h"
#include "http/received_fields.h"

#include <algorithm>

namespace weir::proxy {

namespace {

using config::Variable;

// What a request becomes on its way: nothing yet while filters see its head.
bool is_of_answer(Variable variable) {
  switch (variable) {
    case Variable::Attempts:
    case Variable::Backend:
    case Variable::BodyBytesOut:
    case Variable::BytesOut:
    case Variable::Duration:
    case Variable::Reason:
    case Variable::ResponseHeader:
    case Variable::RetryReason:
    case Variable::Server:
    case Variable::ServerAddr:
    case Variable::Status:
    case Variable::TimeConnect:
    case Variable::TimeFirstByte:
    case Variable::TimeQueue:
    case Variable::TimeTotal: return true;
    default: return false;
  }
}

}  // namespace

std::optional<std::string_view> FilterPreview::of_tls(Variable variable) const {
  const tls::ClientCertificate* const shown = scene_.peer.certificate();
  switch (variable) {
    case Variable::TlsServerName: return scene_.peer.server_name();
    case Variable::ClientCertSubject: return shown ? std::string_view(shown->subject) : "";
    case Variable::ClientCertNames: return shown ? std::string_view(shown->names) : "";
    case Variable::ClientCertFingerprint: return shown ? std::string_view(shown->fingerprint) : "";
    default: break;
  }
  if (scene_.is_tls) return std::nullopt;
  return "";
}

// Nothing: only a real request has it.
std::optional<std::string_view> FilterPreview::value(const config::Template::Part& part) const {
  switch (part.variable) {
    case Variable::BytesIn:
    case Variable::ClientPort:
    case Variable::Note:
    case Variable::RequestId:
    case Variable::Time: return std::nullopt;
    case Variable::H2Stream:
      if (request_.protocol == Protocol::Http2) return std::nullopt;
      return "";
    case Variable::ClientCertFingerprint:
    case Variable::ClientCertNames:
    case Variable::ClientCertSubject:
    case Variable::TlsAlpn:
    case Variable::TlsCipher:
    case Variable::TlsResumed:
    case Variable::TlsServerName:
    case Variable::TlsVersion: return of_tls(part.variable);
    default: break;
  }
  if (direction_ == Direction::Response && is_of_answer(part.variable)) return std::nullopt;
  return evaluate(part.variable, part.name, record_, arena_);
}

bool FilterPreview::knows(const config::Template& text) const {
  return std::all_of(text.parts.begin(), text.parts.end(), [this](const auto& part) {
    return part.variable == Variable::None || value(part);
  });
}

std::string_view FilterPreview::expand(const config::Template& text, Safety safety) {
  if (text.parts.empty()) return {};
  if (!text.has_variables()) return text.parts[0].text;
  const auto pieces = arena_.array<std::string_view>(2 * text.parts.size());
  for (std::size_t i = 0; i < text.parts.size(); ++i) {
    const config::Template::Part& part = text.parts[i];
    pieces[2 * i] = part.text;
    if (part.variable == Variable::None) continue;
    const auto known = value(part);
    pieces[2 * i + 1] = known ? *known : arena_.copy(config::written(part));
  }
  return join(pieces, arena_, safety);
}

std::string_view FilterPreview::expand(const Text& text) {
  return expand(static_cast<const config::ParsedText&>(text).parts, Safety::Field);
}

const Received& FilterPreview::received() {
  if (received_.line.empty()) received_ = http::read_received(request_.received, arena_);
  return received_;
}

}  // namespace weir::proxy
