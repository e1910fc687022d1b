import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { freePorts } from "./free-ports.ts";

it("free ports are distinct and outside the kernel's ephemeral range", async () => {
  const ports = await freePorts(20);
  assert.equal(new Set(ports).size, 20);
  const kernelsFirst = Number(
    (await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8")).trim().split(/\s+/u)[0],
  );
  if (kernelsFirst > 10_000) assert.ok(Math.max(...ports) < kernelsFirst, ports.join());
});
