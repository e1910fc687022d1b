import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeCapability } from "../api/az-volume.ts";
import { accessModes } from "./access-mode.ts";
import {
  capabilitiesDifference,
  checkCapabilities,
  isMultiNode,
  isSingleWriter,
  oneNodeOrMany,
} from "./access-modes.ts";

function aMount(overrides: Partial<VolumeCapability> = {}): VolumeCapability {
  return { accessMode: "SINGLE_NODE_WRITER", accessType: "mount", ...overrides };
}

function aBlock(overrides: Partial<VolumeCapability> = {}): VolumeCapability {
  return { accessMode: "SINGLE_NODE_WRITER", accessType: "block", ...overrides };
}

const sharedBlock = aBlock({ accessMode: "MULTI_NODE_MULTI_WRITER" });

describe("checkCapabilities", () => {
  for (const accessMode of accessModes) {
    for (const accessType of ["mount", "block"] as const) {
      for (const maxShares of [1, 2]) {
        const allowed = !isMultiNode(accessMode) || (accessType === "block" && maxShares >= 2);
        it(`${allowed ? "allows" : "refuses"} ${accessMode} ${accessType} with maxShares ${maxShares}`, () => {
          const checked = checkCapabilities([{ accessMode, accessType }], maxShares);
          assert.equal(checked.ok, allowed);
          if (!checked.ok)
            assert.deepEqual(
              [checked.failure.field, checked.failure.value],
              ["volume_capability.access_mode", accessMode],
            );
        });
      }
    }
  }

  it("refuses if one of several capabilities can't be served", () => {
    assert.equal(
      checkCapabilities([aMount(), aMount({ accessMode: "MULTI_NODE_READER_ONLY" })], 3).ok,
      false,
    );
  });

  const readersBlock = aBlock({ accessMode: "MULTI_NODE_READER_ONLY" });
  for (const [capabilities, value] of [
    [[aBlock(), readersBlock], "SINGLE_NODE_WRITER, MULTI_NODE_READER_ONLY"],
    [[aMount(), sharedBlock], "SINGLE_NODE_WRITER, MULTI_NODE_MULTI_WRITER"],
  ] as const)
    it(`refuses ${value} together, as ${capabilities[0].accessType} and block`, () => {
      const checked = checkCapabilities(capabilities, 3);
      assert.ok(!checked.ok);
      const { field, problem } = checked.failure;
      assert.deepEqual([field, checked.failure.value], ["volume_capabilities.access_mode", value]);
      assert.match(problem, /only SINGLE_NODE modes, only MULTI_NODE modes, or MULTI_NODE_MULTI_WRITER/u);
    });

  it("allows a mode for many nodes beside others that it includes, or several alike", () => {
    for (const capabilities of [
      [aBlock(), readersBlock, sharedBlock],
      [aBlock(), aBlock({ accessMode: "SINGLE_NODE_READER_ONLY" })],
      [aMount(), aBlock()],
    ])
      assert.deepEqual(checkCapabilities(capabilities, 2), { ok: true, value: undefined });
  });
});

describe("oneNodeOrMany", () => {
  const readersMount = aMount({ accessMode: "MULTI_NODE_READER_ONLY" });
  for (const [stated, kept, because] of [
    [[aBlock(), sharedBlock], [sharedBlock], "ReadWriteMany includes the others"],
    [[aBlock()], [aBlock()], "there is one"],
    [[aMount(), readersMount], [aMount(), readersMount], "a file system is for one node"],
    [[aMount(), sharedBlock], [aMount(), sharedBlock], "they differ in more than the mode"],
  ] as const)
    it(`answers ${kept.length} of ${stated.length}: ${because}`, () =>
      assert.deepEqual(oneNodeOrMany(stated), kept));
});

describe("isSingleWriter", () => {
  for (const [capabilities, expected, because] of [
    [[aMount()], true, "a file system"],
    [[aBlock()], true, "raw block on one node"],
    [[sharedBlock], false, "raw block on several nodes"],
    [[aBlock({ accessMode: "MULTI_NODE_READER_ONLY" })], false, "readers on several nodes need no record"],
    [[sharedBlock, aBlock()], true, "one of them is for a single node"],
    [
      [aMount({ accessMode: "MULTI_NODE_MULTI_WRITER" })],
      true,
      "a file system, whatever an adopted PersistentVolume says",
    ],
  ] as const) {
    it(`says ${expected}: ${because}`, () => assert.equal(isSingleWriter(capabilities), expected));
  }
});

describe("capabilitiesDifference", () => {
  for (const [existing, requested, because] of [
    [[aMount()], [aMount()], "the same again"],
    [[aMount({ fsType: "ext4" })], [aMount({ fsType: "" })], "no file system is stated the second time"],
    [[aMount()], [aMount({ accessMode: "SINGLE_NODE_SINGLE_WRITER" })], "another single-node mode"],
    [[aMount({ fsType: "EXT4" })], [aMount({ fsType: "ext4" })], "the same file system in other letters"],
    [[aMount(), aBlock()], [aBlock()], "fewer capabilities"],
  ] as const) {
    it(`finds none: ${because}`, () => assert.equal(capabilitiesDifference(existing, requested), undefined));
  }

  for (const [existing, requested, difference] of [
    [[aMount()], [aBlock()], "the volume is not for access type block"],
    [[aMount({ fsType: "ext4" })], [aMount({ fsType: "xfs" })], "the volume's file system is ext4, not xfs"],
    [[aBlock()], [sharedBlock], "the volume is for one writer, not for several nodes at once"],
    [[sharedBlock], [aBlock()], "the volume is for several nodes at once, not for one writer"],
  ] as const) {
    it(`names it: ${difference}`, () =>
      assert.equal(capabilitiesDifference(existing, requested), difference));
  }
});
