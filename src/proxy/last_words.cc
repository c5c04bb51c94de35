// SPDX-License-Identifier: Apache-2.0
#include "proxy/last_words.h"

#include "http/fingerprint.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"
#include "shm/server_table.h"

#include <charconv>

namespace weir::proxy {

namespace {

void set_client(shm::LastWords& words, const net::Address& peer) {
  char text[128];
  char* end = text + peer.host(text).size();
  if (peer.port() != 0) {
    *end++ = ':';
    end = std::to_chars(end, text + sizeof(text), peer.port()).ptr;
  }
  shm::set_text(words.client, {text, static_cast<std::size_t>(end - text)});
}

void set_request(shm::LastWords& words, const Stream& stream, const Record& record) {
  shm::set_text(words.phase, stream.phase_name());
  shm::set_text(words.method, record.request->method_text);
  shm::set_text(words.host, record.request->authority);
  shm::set_text(words.path, record.request->path);
  words.route[0] = words.file[0] = 0;
  words.line = 0;
  if (const config::Route* route = record.route) {
    shm::set_text(words.route, route->name);
    shm::set_text(words.file, stream.policy().file);
    words.line = route->place.line;
  }
  words.fingerprint = http::fingerprint(record.request->received, record.listener->name);
}

}  // namespace

void write_last_words(const event::Subject* subject, shm::BlackBox& box) {
  shm::LastWords& words = box.words();
  words.has_client = words.has_request = false;
  words.fingerprint = 0;
  words.errand[0] = 0;
  box.reached(shm::BlackBox::Part::Client);
  if (!subject) return;
  const auto& client = static_cast<const Client&>(*subject);
  set_client(words, client.peer());
  shm::set_text(words.listener, client.listener().identity().name);
  words.has_client = true;
  const Stream* stream = client.stream();
  if (!stream || !stream->record().request) return;
  set_request(words, *stream, stream->record());
  words.has_request = true;
  box.reached(shm::BlackBox::Part::Request);
}

}  // namespace weir::proxy
