import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatAddress, listenAddressProblem, parseListenAddress } from "./listen-address.ts";

describe("parseListenAddress", () => {
  for (const [text, parsed] of [
    [":8080", { host: undefined, port: 8080 }],
    ["[::]:8080", { host: "::", port: 8080 }],
    ["[fe80::1%eth0]:0", { host: "fe80::1%eth0", port: 0 }],
    ["0.0.0.0:65535", { host: "0.0.0.0", port: 65_535 }],
    ["localhost:80", { host: "localhost", port: 80 }],
  ] as const)
    it(`reads ${text}`, () => {
      assert.deepEqual(parseListenAddress(text), parsed);
      assert.equal(listenAddressProblem(text), undefined);
    });

  for (const text of ["", "8080", ":", "host:", "::1:80", "[::1]", "[]:80", "a:65536", "a:-1", "http://a:80"])
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseListenAddress(text), undefined);
      assert.match(listenAddressProblem(text) ?? "", /^expected host:port, :port or \[IPv6 address\]:port/u);
    });
});

it("formats an address so that it can be read again", () => {
  for (const text of ["[::1]:80", "localhost:0"]) {
    const { host = "", port = 1 } = parseListenAddress(text) ?? {};
    assert.equal(formatAddress(host, port), text);
  }
});
