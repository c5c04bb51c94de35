// SPDX-License-Identifier: Apache-2.0
//
// Both ends of a tunnel as npm's ws plays them, for test_ws.py; each line of output is one JSON value.
//
//   ws.cjs serve        echoes what comes; says its port, then how each connection was closed
//   ws.cjs talk URL     texts, binaries of all sizes, pings; says what was wrong, or "fine", and the status of the close
//   ws.cjs stay URL     says "open", then the status with which it is closed
"use strict";
const { WebSocket, WebSocketServer } = require("ws");

const [, , role, url] = process.argv;
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

function serve() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 64 } });
  server.on("listening", () => say(server.address().port));
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on("close", (code) => say({ closed: code }));
    socket.on("error", (error) => say({ error: error.message }));
  });
}

function open() {
  const socket = new WebSocket(url, { rejectUnauthorized: false });
  socket.on("error", (error) => say({ error: error.message }));
  socket.on("close", (code) => say({ closed: code }));
  return socket;
}

function talk() {
  const socket = open();
  const messages = ["hello", "", "x".repeat(100000)];
  for (const size of [1, 125, 126, 65535, 65536, 3 << 20]) messages.push(Buffer.alloc(size, size % 251));
  let wrong = 0, pongs = 0, next = 0;
  const send = () => {
    if (next === messages.length) {
      say(wrong === 0 && pongs === messages.length ? "fine" : { wrong, pongs });
      return socket.close(1000, "done");
    }
    socket.ping("p".repeat(next));
    socket.send(messages[next]);
  };
  socket.on("pong", (data) => (pongs += data.length === next ? 1 : 0));
  socket.on("open", send);
  socket.on("message", (data, isBinary) => {
    const wanted = messages[next++];
    if (isBinary !== (typeof wanted !== "string") || !data.equals(Buffer.from(wanted))) wrong++;
    send();
  });
}

function stay() {
  open().on("open", () => say("open"));
}

({ serve, talk, stay })[role]();
