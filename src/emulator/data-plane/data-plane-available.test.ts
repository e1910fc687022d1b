import assert from "node:assert/strict";
import { it } from "node:test";
import { canCutMountedDevices } from "./data-plane-available.ts";

it("knows which kernels can cut a mounted loop device", () => {
  const releases = [
    "4.19.0-27-amd64",
    "5.4.0",
    "5.15.0-130-generic",
    "5.18.0",
    "5.18-rc1",
    "6.1.0-37-amd64",
    "10.0",
  ];
  assert.deepEqual(releases.filter(canCutMountedDevices), ["5.18.0", "5.18-rc1", "6.1.0-37-amd64", "10.0"]);
});
