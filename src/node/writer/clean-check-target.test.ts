import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { anAttachment, aVolume, aVolumeWithRecord, identity } from "../../core/testing/objects.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { withNode } from "../testing/a-node.ts";
import { accessTypeOf, type KnownVolume, cleanCheckTarget } from "./clean-check-target.ts";

const never = new AbortController().signal;
const mount = { accessMode: "SINGLE_NODE_WRITER", accessType: "mount" } as const;
const block = { accessMode: "SINGLE_NODE_WRITER", accessType: "block" } as const;

describe("accessTypeOf", () => {
  const rows = [
    { volume: undefined, checkpoint: undefined, accessType: "block", because: "nothing is known" },
    { volume: aVolume(), checkpoint: undefined, accessType: "mount", because: "it may only be mounted" },
    { volume: undefined, checkpoint: aCheckpoint(), accessType: "mount", because: "it was mounted here" },
    {
      volume: aVolume({ spec: { capabilities: [mount, block] } }),
      checkpoint: aCheckpoint(),
      accessType: "block",
      because: "it may be raw block, too",
    },
    {
      volume: aVolume(),
      checkpoint: aCheckpoint({ accessType: "block" }),
      accessType: "block",
      because: "it was raw block here",
    },
  ] as const;
  for (const { volume, checkpoint, accessType, because } of rows) {
    it(`looks for traces of ${accessType} where ${because}`, () =>
      assert.equal(accessTypeOf({ volume, checkpoint }), accessType));
  }
});

describe("cleanCheckTarget", () => {
  it("uses the LUN only of an attachment that is attached", () =>
    withNode({}, async (world) => {
      const volume = aVolume();
      const expected = { accessType: "mount", lun: 0, lastMajorMinor: "8:32", lunsOfOthers: [] };
      assert.deepEqual(
        cleanCheckTarget(world.ports(), {
          volume,
          attachment: anAttachment("node-a"),
          checkpoint: aCheckpoint(),
        }),
        expected,
      );
      const detaching = anAttachment("node-a", { status: { state: "Detaching" } });
      assert.deepEqual(
        cleanCheckTarget(world.ports(), { volume, attachment: detaching, checkpoint: aCheckpoint() }),
        { ...expected, lun: undefined },
      );
    }));

  it("uses no LUN that an earlier VM of the node's name had", () =>
    withNode({}, async (world) => {
      const ports = world.ports();
      const earlier = anAttachment("node-a", { status: { vmId: "another VM's", lun: 4 } });
      const target = cleanCheckTarget(ports, {
        volume: aVolume(),
        attachment: earlier,
        checkpoint: undefined,
      });
      assert.equal(target.lun, undefined);
      assert.ok((await ports.checkpoints.put(aCheckpoint(), never)).ok);
      await world.setAttachment(({ status: _, ...present }) => ({
        ...present,
        ...(earlier.status === undefined ? {} : { status: earlier.status }),
      }));
      const other = aVolume({ metadata: { name: "pvc-2" }, spec: { volumeName: "pvc-2" } });
      const beside = cleanCheckTarget(ports, { volume: other, attachment: undefined, checkpoint: undefined });
      assert.deepEqual(beside.lunsOfOthers, [], "the device there may be the volume's own");
    }));

  it("uses the LUN of a failed attach only as read lately, and for this record", () =>
    withNode({}, async (world) => {
      const readAt = toTimestamp(world.clock.nowMs());
      const lunBy = ({ storeIncarnation = 2, vmId = identity("node-a").vmId }): number | undefined => {
        const listed = { lun: 5, storeIncarnation, time: readAt };
        const attachment = anAttachment("node-a", {
          status: { state: "AttachmentFailed", lun: 3, vmId, listed },
        });
        const volume = aVolumeWithRecord({ storeIncarnation: 2 });
        return cleanCheckTarget(world.ports(), { volume, attachment, checkpoint: undefined }).lun;
      };
      assert.deepEqual(
        [lunBy({}), lunBy({ storeIncarnation: 1 }), lunBy({ vmId: "another VM's" })],
        [5, undefined, undefined],
      );
      await world.clock.advance(60_000);
      assert.equal(lunBy({}), undefined, "other clients may have attached the disk by now");
    }));

  it("names the LUN of another volume only once that was staged here", () =>
    withNode({}, async (world) => {
      const ports = world.ports();
      const other = aVolume({ metadata: { name: "pvc-2" }, spec: { volumeName: "pvc-2" } });
      const lunsOfOthers = () =>
        cleanCheckTarget(ports, { volume: other, attachment: undefined, checkpoint: undefined }).lunsOfOthers;
      assert.deepEqual(lunsOfOthers(), []);
      assert.ok((await ports.checkpoints.put(aCheckpoint(), never)).ok);
      assert.deepEqual(lunsOfOthers(), [0]);
    }));

  const known = { volume: undefined, attachment: undefined, checkpoint: undefined };
  const parts: readonly { readonly what: string; readonly of: (name: string) => KnownVolume }[] = [
    { what: "volume", of: (name) => ({ ...known, volume: aVolume({ metadata: { name } }) }) },
    {
      what: "attachment",
      of: (volumeName) => ({ ...known, attachment: anAttachment("node-a", { spec: { volumeName } }) }),
    },
    { what: "checkpoint", of: (volumeName) => ({ ...known, checkpoint: aCheckpoint({ volumeName }) }) },
  ];
  for (const { what, of } of parts)
    it(`never treats the volume's own LUN as another's, by its ${what} alone`, () =>
      withNode({}, async (world) => {
        const ports = world.ports();
        assert.ok((await ports.checkpoints.put(aCheckpoint(), never)).ok);
        assert.deepEqual(cleanCheckTarget(ports, of("pvc-1")).lunsOfOthers, []);
        assert.deepEqual(cleanCheckTarget(ports, of("pvc-2")).lunsOfOthers, [0]);
      }));
});
