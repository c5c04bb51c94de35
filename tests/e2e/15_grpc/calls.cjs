// SPDX-License-Identifier: Apache-2.0
//
// Both ends of gRPC calls as npm's @grpc/grpc-js makes them, for test_grpc_js.py.  Each line of input and of output is
// one JSON value.  Messages are bytes, so no code has to be generated for them.
//
//   calls.cjs serve [CHAIN KEY]      offers the methods of `methods`; says its port, and {begun}, {given_up} of Wait.
//                                    {leave: true} makes it leave as servers do; when no call is left it says {left}
//   calls.cjs call ADDRESS [CA]      {call: METHOD, id, metadata, deadline: ms} begins a call, and of a call there are
//                                    {id, send: TEXT}, {id, end: true} and {id, cancel: true}; it says
//                                    {id, metadata}, {id, message}, {id, status, details, trailers}
"use strict";
const fs = require("fs");
const readline = require("readline");
const grpc = require("@grpc/grpc-js");

const [, , role, ...words] = process.argv;
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const told = (obey) => readline.createInterface({ input: process.stdin }).on("line", (line) => obey(JSON.parse(line)));
const unlimited = { "grpc.max_receive_message_length": -1, "grpc.enable_http_proxy": 0 };

// Metadata as JSON can tell it: bytes by their hexadecimal digits.
const shown = (metadata) => {
  const all = {};
  for (const [key, value] of Object.entries(metadata.getMap())) all[key] = key.endsWith("-bin") ? value.toString("hex") : value;
  return all;
};
const made = (values) => {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(values || {}))
    metadata.set(key, key.endsWith("-bin") ? Buffer.from(value, "hex") : value);
  return metadata;
};

// ---- The server ---------------------------------------------------------------------------------

// What came with the request goes back in the head, and something more comes at the end.
function greet(call) {
  const metadata = call.metadata.clone();
  metadata.remove("user-agent");
  call.sendMetadata(metadata);
}
const farewell = () => made({ "served-by": "grpc-js", "seen-bin": "00ff" });
const upper = (message) => Buffer.from(message.toString("latin1").toUpperCase(), "latin1");

const methods = {
  Upper: [false, false, (call, reply) => {
    greet(call);
    reply(null, upper(call.request), farewell());
  }],
  Count: [false, true, (call) => {
    greet(call);
    for (let i = 0; i < Number(call.request); i++) call.write(Buffer.from(String(i)));
    call.end(farewell());
  }],
  Join: [true, false, (call, reply) => {
    const parts = [];
    greet(call);
    call.on("data", (part) => parts.push(part));
    call.on("end", () => reply(null, Buffer.concat(parts), farewell()));
  }],
  Echo: [true, true, (call) => {
    greet(call);
    call.on("data", (part) => call.write(part));
    call.on("end", () => call.end(farewell()));
  }],
  // An error before anything else is a head and no more: "trailers-only".
  Fail: [false, false, (_call, reply) => reply({
    code: grpc.status.FAILED_PRECONDITION, details: "not today: 100 % gefüllt", metadata: farewell(),
  })],
  Wait: [false, false, (call) => {
    const deadline = call.getDeadline();
    call.on("cancelled", () => say({ given_up: true }));
    say({ begun: true, left: deadline === Infinity ? null : deadline - Date.now() });
  }],
};

const same = (bytes) => bytes;
const definition = (name, [requestStream, responseStream]) => ({
  path: "/t.T/" + name, requestStream, responseStream,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
});

function serve(chain, key) {
  const server = new grpc.Server(unlimited);
  const service = {}, handlers = {};
  for (const [name, method] of Object.entries(methods)) {
    service[name] = definition(name, method);
    handlers[name] = method[2];
  }
  server.addService(service, handlers);
  const credentials = chain
    ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(chain), private_key: fs.readFileSync(key) }])
    : grpc.ServerCredentials.createInsecure();
  server.bindAsync("127.0.0.1:0", credentials, (error, port) => say(error ? String(error) : port));
  told(() => server.tryShutdown(() => say({ left: true })));
}

// ---- The client ---------------------------------------------------------------------------------

function begin(client, { call: name, id, metadata, deadline }) {
  const [requestStream, responseStream] = methods[name];
  const kind = `make${requestStream ? (responseStream ? "Bidi" : "Client") : responseStream ? "Server" : "Unary"}` +
    (requestStream || responseStream ? "StreamRequest" : "Request");
  const options = deadline ? { deadline: Date.now() + deadline } : {};
  // Of the kinds with one answer this is how it is told; what went wrong is a status too.
  const answered = (error, message) => error || say({ id, message: message.toString("latin1") });
  const start = (...request) => {
    const last = responseStream ? [] : [answered];
    const call = client[kind]("/t.T/" + name, same, same, ...request, made(metadata), options, ...last);
    call.on("metadata", (got) => say({ id, metadata: shown(got) }));
    call.on("status", ({ code, details, metadata: got }) => say({ id, status: code, details, trailers: shown(got) }));
    if (responseStream) call.on("data", (message) => say({ id, message: message.toString("latin1") }));
    return call.on("error", () => {});
  };
  return requestStream ? start() : { start };
}

function call(address, ca) {
  const credentials = ca ? grpc.credentials.createSsl(fs.readFileSync(ca)) : grpc.credentials.createInsecure();
  const client = new grpc.Client(address, credentials, unlimited);
  const calls = {};
  told((order) => {
    const { id } = order;
    if (order.call) calls[id] = begin(client, order);
    else if (order.cancel) calls[id].cancel();
    else if (order.end) calls[id].end();
    else if (calls[id].start) calls[id] = calls[id].start(Buffer.from(order.send, "latin1"));
    else calls[id].write(Buffer.from(order.send, "latin1"));
  });
}

({ serve, call })[role](...words);
