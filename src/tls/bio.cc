// SPDX-License-Identifier: Apache-2.0
#include "tls/bio.h"

#include "tls/transport.h"

#include <cstring>

namespace weir::tls {

namespace {

// Enough for one send; one read that was encrypted stays in one piece.
constexpr std::size_t most_gathered = 192 * 1024;

Transport& transport_of(BIO* bio) { return *static_cast<Transport*>(BIO_get_data(bio)); }

int on_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  net::IoResult result =
      transport_of(bio).carrier().read({into, static_cast<std::size_t>(size > 0 ? size : 0)});
  if (result.io == net::Io::Done) return static_cast<int>(result.bytes);
  if (result.io == net::Io::Again) BIO_set_retry_read(bio);
  return result.io == net::Io::End ? 0 : -1;
}

int on_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  Transport& transport = transport_of(bio);
  Gather& out = transport.out();
  auto count = static_cast<std::size_t>(size);
  std::memcpy(out.reserve(count), bytes, count);
  out.commit(count);
  if (out.size() >= most_gathered) transport.carrier().send(out);
  return size;
}

long on_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int on_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* method() {
  static BIO_METHOD* const table = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    BIO_meth_set_read(made, on_read);
    BIO_meth_set_write(made, on_write);
    BIO_meth_set_ctrl(made, on_control);
    BIO_meth_set_create(made, on_create);
    return made;
  }();
  return table;
}

}  // namespace

BIO* make_bio(Transport& transport) {
  BIO* bio = BIO_new(method());
  BIO_set_data(bio, &transport);
  return bio;
}

}  // namespace weir::tls
