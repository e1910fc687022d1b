import assert from "node:assert/strict";
import { it } from "node:test";
import { majorMinorOf } from "./device-number.ts";

it("splits a device number as glibc's major() and minor() do", () => {
  const rows = [
    { deviceNumber: 0x820n, majorMinor: "8:32", because: "small numbers use one byte each" },
    {
      deviceNumber: 0x110305n,
      majorMinor: "259:261",
      because: "the minor's high bits sit above the major's low twelve",
    },
    { deviceNumber: 0x6n, majorMinor: "0:6", because: "file systems without a device have major 0" },
  ];
  for (const { deviceNumber, majorMinor, because } of rows)
    assert.equal(majorMinorOf(deviceNumber), majorMinor, because);
});
