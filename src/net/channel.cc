// SPDX-License-Identifier: Apache-2.0
#include "net/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

namespace weir::net {

namespace {
union ControlSpace {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * Channel::most_descriptors)];
};
}  // namespace

Result<std::pair<Channel, Fd>> Channel::make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return Error(Errc::System, std::string("socketpair: ") + strerror(errno));
  int size = static_cast<int>(longest) * 2;
  for (int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return std::pair(Channel(Fd(ends[0])), Fd(ends[1]));
}

Result<void> Channel::send(MessageType type, const std::string& bytes,
                           const std::vector<int>& descriptors) {
  if (bytes.size() > longest || descriptors.size() > most_descriptors)
    return Error(Errc::Limit, "message too large");
  auto word = static_cast<std::uint32_t>(type);
  iovec pieces[2] = {{&word, sizeof(word)}, {const_cast<char*>(bytes.data()), bytes.size()}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  ControlSpace control;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  ssize_t sent;
  do sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error(Errc::System, std::string("channel: ") + strerror(errno));
  return {};
}

bool Channel::is_hung_up() const {
  pollfd look{fd_.get(), 0, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & POLLHUP) != 0;
}

Result<Message> Channel::receive() {
  std::string bytes(longest, '\0');
  std::uint32_t word = 0;
  iovec pieces[2] = {{&word, sizeof(word)}, {bytes.data(), bytes.size()}};
  ControlSpace control;
  msghdr header{};
  header.msg_iov = pieces;
  header.msg_iovlen = 2;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof(control.bytes);
  ssize_t size;
  do size = recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return Error(Errc::NotFound, "no message");
  if (size < static_cast<ssize_t>(sizeof(word)))
    return Error(Errc::System, "channel: the other side is gone");
  Message message;
  message.type = static_cast<MessageType>(word);
  bytes.resize(static_cast<std::size_t>(size) - sizeof(word));
  message.bytes = std::move(bytes);
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      message.descriptors.emplace_back(fd);
    }
  }
  if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
    return Error(Errc::System, "channel: message cut off");
  return message;
}

}  // namespace weir::net
