import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anAttachment, aVolume, aWriter, diskUri } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { verifyClean } from "./verify-clean.ts";

const never = new AbortController().signal;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const volume = aVolume();

/** What node-a shows of a volume without checkpoint, by what is known of its attachment. */
const shown = (
  world: NodeWorld,
  needsDevice: boolean,
  attachment: ReturnType<typeof anAttachment> | undefined,
): ReturnType<typeof verifyClean> =>
  world.answerOf(
    verifyClean(
      world.ports(),
      { volume, volumeId: diskUri, attachment, checkpoint: undefined },
      { needsDevice, isFlushed: false },
      never,
    ),
  );

describe("verifyClean", () => {
  it("needs no device only where the node never had the disk", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const what = "the attachment to node-a that says where its disk is";
      const expected = { ok: false, failure: { kind: "StillWaiting", volumeId: diskUri, what } };
      const pending = anAttachment("node-a", { status: { state: "Pending", lun: 0 } });
      for (const attachment of [undefined, pending]) {
        assert.deepEqual(await shown(world, true, attachment), expected);
        assert.deepEqual(await shown(world, false, attachment), { ok: true, value: undefined });
      }
    }));

  it("passes where the device at the LUN is free, but not while it is mounted", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const attachment = anAttachment("node-a");
      assert.deepEqual(await shown(world, true, attachment), { ok: true, value: undefined });
      const { host } = world.ports();
      const found = await world.answerOf(host.findDevice({ lun: 0 }, never));
      assert.ok(found.ok);
      await world.answerOf(host.format({ device: found.value, fsType: "ext4", uuid }, never));
      const path = "/staged";
      const mount = { device: found.value, path, fsType: "ext4", mountFlags: [], readOnly: false } as const;
      assert.ok((await world.answerOf(host.mountDevice(mount, never))).ok);
      for (const needsDevice of [true, false]) {
        const dirty = await shown(world, needsDevice, attachment);
        assert.equal(dirty.ok ? undefined : dirty.failure.kind, "DeviceBusy");
      }
      assert.ok((await world.answerOf(host.unmount(path, never))).ok);
      assert.deepEqual(await shown(world, true, attachment), { ok: true, value: undefined });
    }));

  const rows = [
    { checkpoint: undefined, needsDevice: true, answer: "DeviceBusy", because: "its checkpoint was lost" },
    { checkpoint: undefined, needsDevice: false, answer: "ok", because: "the node never had the disk" },
    {
      checkpoint: aCheckpoint({ volumeId: diskUri, accessType: "mount" }),
      needsDevice: true,
      answer: "ok",
      because: "it was mounted here",
    },
    {
      checkpoint: aCheckpoint({ volumeId: diskUri, accessType: "block" }),
      needsDevice: true,
      answer: "DeviceBusy",
      because: "it was raw here",
    },
  ] as const;
  for (const { checkpoint, needsDevice, answer, because } of rows)
    it(`answers ${answer} while a process has the device of a file system open, if ${because}`, () =>
      withNode({ writer: aWriter("node-b") }, async (world) => {
        const close = world.machine.openRaw(0);
        const attachment = anAttachment("node-a");
        const look = () =>
          world.answerOf(
            verifyClean(
              world.ports(),
              { volume, volumeId: diskUri, attachment, checkpoint },
              { needsDevice, isFlushed: true },
              never,
            ),
          );
        const found = await look();
        assert.equal(kindOf(found), answer);
        close();
        assert.deepEqual(await look(), { ok: true, value: undefined });
      }));

  for (const [accessType, expected] of [
    ["mount", "ok"],
    ["block", "DeviceBusy"],
  ] as const)
    it(`answers ${expected} after an unmount where a flush would fail (${accessType})`, () =>
      withNode({ writer: aWriter("node-b") }, async (world) => {
        world.machine.failNext("flush", { kind: "HostNotReady", detail: "EIO" });
        const capabilities = [{ accessType, accessMode: "SINGLE_NODE_WRITER" } as const];
        const known = {
          volume: { ...volume, spec: { ...volume.spec, capabilities } },
          ...{ volumeId: diskUri, attachment: anAttachment("node-a") },
          checkpoint: aCheckpoint({ volumeId: diskUri, accessType }),
        };
        const found = await world.answerOf(
          verifyClean(world.ports(), known, { needsDevice: true, isFlushed: true }, never),
        );
        assert.equal(kindOf(found), expected);
      }));

  it("checks the device in the checkpoint where no attachment names one", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const known = {
        volume,
        volumeId: diskUri,
        attachment: undefined,
        checkpoint: aCheckpoint({ volumeId: diskUri, accessType: "mount" }),
      };
      assert.deepEqual(
        await world.answerOf(
          verifyClean(world.ports(), known, { needsDevice: true, isFlushed: false }, never),
        ),
        {
          ok: true,
          value: undefined,
        },
      );
    }));
});
