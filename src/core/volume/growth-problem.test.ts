import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDiskSpec } from "../testing/objects.ts";
import { growthProblem } from "./growth-problem.ts";

type Spec = Parameters<typeof growthProblem>[0];

const ext4: Spec = {
  disk: aDiskSpec(),
  capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
};
const small = { blockSize: "1024" };

describe("growthProblem", () => {
  it("ends the growth of small blocks before the kernel has to change their layout", () => {
    assert.equal(growthProblem(ext4, [undefined, small], 32), undefined);
    assert.equal(
      growthProblem(ext4, [undefined, small], 33),
      "the volume's blockSize is 1024, and must be one of 2048, 4096 with fsType ext4, 33 GiB; copy its " +
        "files to a volume of a class with another blockSize",
    );
  });

  it("lets what has no such limit grow", () => {
    assert.equal(growthProblem({ ...ext4, fsType: "xfs" }, [small], 1024), undefined);
    const [capability] = ext4.capabilities;
    assert.ok(capability !== undefined);
    const xfs: Spec = { ...ext4, capabilities: [{ ...capability, fsType: "xfs" }] };
    assert.equal(growthProblem(xfs, [small], 1024), undefined);
    assert.equal(growthProblem(ext4, [{}], 1024), undefined);
  });

  it("lets a copy grow, whose geometry is its source's", () => {
    const copy: Spec = { ...ext4, disk: { ...ext4.disk, sourceUri: "/snapshots/s-1" } };
    assert.equal(growthProblem(copy, [small], 1024), undefined);
  });

  it("lets a raw disk grow, whatever its attributes say", () => {
    const raw: Spec = { ...ext4, capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "block" }] };
    assert.equal(growthProblem(raw, [small], 1024), undefined);
  });
});
