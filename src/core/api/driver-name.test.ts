import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { driverNameProblem } from "./driver-name.ts";

describe("driverNameProblem", () => {
  for (const name of ["disk.csi.azure.com", "disk2", "a-1.b", "a".repeat(63)]) {
    it(`accepts ${name.slice(0, 20)}`, () => assert.equal(driverNameProblem(name), undefined));
  }
  for (const name of ["", "Disk.csi.azure.com", "-a", "a-", "a..b", "a_b", "a/b", "a".repeat(64)]) {
    it(`refuses ${JSON.stringify(name.slice(0, 20))}`, () =>
      assert.match(driverNameProblem(name) ?? "", /domain name in lower case/u));
  }
});
