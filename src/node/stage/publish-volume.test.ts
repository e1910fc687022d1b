import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import { aWriter, identity } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import {
  type NodeWorld,
  stagingPath,
  withNode,
  aPublishRequest,
  targetPath,
  anotherDisk,
} from "../testing/a-node.ts";
import { publishVolume } from "./publish-volume.ts";

const never = new AbortController().signal;
const raw = { accessType: "block" } as const;
const LIMIT_MS = 60_000;
const granted = aWriter("node-a", { held: false });

describe("publishVolume", () => {
  it("stages again what was unmounted without the orchestrator, read-only if required", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      assert.equal((await world.unstage()).ok, true);
      await world.grantAgain();
      const published = await world.publish({ readOnly: true, targetReadOnly: true });
      assert.deepEqual(published, { ok: true, value: undefined });
      assert.deepEqual(
        world.machine.mounts().map(({ path, readOnly }) => [path, readOnly]),
        [
          [stagingPath, true],
          [targetPath, true],
        ],
      );
    }));

  it("stages a released volume without checkpoint that kubelet may believe staged", () =>
    withNode({}, async (world) => {
      const publishing = publishVolume(world.ports(), aPublishRequest(), never);
      await world.clock.advance(1_000);
      await world.grantAgain();
      assert.deepEqual(await world.answerOf(publishing), { ok: true, value: undefined });
      assert.deepEqual(
        world.machine.mounts().map(({ path }) => path),
        [stagingPath, targetPath],
      );
    }));

  it("publishes again over its own dead mount whose disk has come back", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.publish()).ok, true);
      world.machine.detach(0);
      world.machine.attach({ lun: 0, disk: world.disk });
      assert.equal((await world.answerOf(world.ports().host.unmount(stagingPath, never))).ok, true);
      assert.deepEqual(await world.publish(), { ok: true, value: undefined });
      const mounts = await world.answerOf(world.ports().host.mountAt(targetPath, never));
      assert.deepEqual(mounts.ok && [mounts.value?.isDead, mounts.value?.isPlaceholder], [false, false]);
    }));

  it("reports what is lost as it covers its own dead mount", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.publish()).ok, true);
      world.machine.detach(0);
      world.machine.attach({ lun: 0, disk: world.disk });
      assert.equal((await world.answerOf(world.ports().host.unmount(stagingPath, never))).ok, true);
      const failure = { kind: "WritesLost", devicePath: "/dev/sdc", detail: "Input/output error" } as const;
      world.machine.failNext("mountPlaceholder", failure);
      assert.equal(kindOf(await world.publish()), "WritesLost");
      assert.equal((await world.publish()).ok, true);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["WritesLost"],
      );
    }));

  for (const { answer, isBelow, because } of [
    { answer: "ok", isBelow: true, because: "it is below what the pod has mounted over it" },
    { answer: "DeviceBusy", isBelow: false, because: "only something else is there" },
  ])
    it(`ends no mount at its target, and answers ${answer}, where ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.equal((await world.publish()).ok, true);
        const mounts = world.machine.mounts();
        const { host } = world.ports();
        const over = { path: targetPath, majorMinor: "0:59", fsType: "tmpfs", root: "/", readOnly: false };
        const mountAt: typeof host.mountAt = async (path, signal) =>
          path === targetPath
            ? ok({ ...over, isDead: false, isPlaceholder: false })
            : host.mountAt(path, signal);
        const mountsOf: typeof host.mountsOf = async (...args) => (isBelow ? host.mountsOf(...args) : ok([]));
        const mountPlaceholder = () => assert.fail("it would end what a pod has there");
        const again = await world.publish(
          {},
          {
            ...world.ports(),
            host: { ...host, mountAt, mountsOf, mountPlaceholder },
          },
        );
        assert.deepEqual(world.machine.mounts(), mounts);
        assert.equal(kindOf(again), answer);
      }));

  describe("of a raw disk that another one replaces, with its number", () => {
    /** Another client detaches the disk, and attaches another volume's. */
    function replaceDisk({ machine }: NodeWorld): void {
      machine.detach(0);
      machine.attach({ lun: 0, disk: anotherDisk() });
    }
    const disksAt = (world: NodeWorld): readonly string[] =>
      world.machine.mounts().map((mount) => mount.diskUri);

    it("binds nothing where its command waits", () =>
      withNode(
        { writer: granted },
        async (world) => {
          world.machine.setLatencyMs("bindDevice", 1_000);
          const publishing = publishVolume(world.ports(), aPublishRequest(raw), never);
          const isBinding = (): boolean =>
            world.machine.commandsInFlight().some((line) => line.startsWith("bindDevice"));
          assert.ok(await world.clock.runUntil(isBinding, LIMIT_MS));
          replaceDisk(world);
          const published = await world.answerOf(publishing);
          assert.deepEqual([published.ok, disksAt(world)], [false, []]);
        },
        { reusesNumbers: true },
      ));

    it("binds nothing where that is before the last look, and has the LUN read again", () =>
      withNode(
        { writer: granted },
        async (world) => {
          const ports = world.ports();
          let holds = 0;
          /** After the stage, which holds the device first, and before the device is opened again. */
          const whileHolding: typeof ports.host.whileHolding = async (device, act, signal) => {
            holds += 1;
            if (holds === 2) {
              replaceDisk(world);
              await world.setAttachment((attachment) => ({
                ...attachment,
                status: { ...attachment.status, state: "Attached", lun: 1 },
              }));
            }
            return ports.host.whileHolding(device, act, signal);
          };
          const published = await world.publish(raw, { ...ports, host: { ...ports.host, whileHolding } });
          assert.deepEqual([!published.ok && published.failure.kind, disksAt(world)], ["WrongDevice", []]);
          assert.equal(world.attachment()?.status?.deviceMissing, true);
          assert.deepEqual(ports.checkpoints.volumes()[0]?.targetPaths, []);
        },
        { reusesNumbers: true },
      ));
  });

  it("names a raw target that has another disk, and has no LUN read again", () =>
    withNode({ writer: granted }, async (world) => {
      const { host } = world.ports();
      world.machine.attach({
        lun: 7,
        disk: anotherDisk(),
      });
      const other = await world.answerOf(host.findDevice({ lun: 7 }, never));
      assert.ok(other.ok);
      const bind = { device: other.value, targetPath, readOnly: false };
      assert.ok((await world.answerOf(host.bindDevice(bind, never))).ok);
      const published = await world.publish(raw);
      assert.deepEqual(published.ok ? undefined : published.failure, {
        kind: "MountedOtherwise",
        path: targetPath,
        problem: `already holds a mount of ${other.value.path}`,
      });
      assert.notEqual(world.attachment()?.status?.deviceMissing, true);
    }));

  it("binds no raw disk of which it can write no checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const full = { kind: "CheckpointsFull", path: "/state/volumes.json", neededBytes: 1 } as const;
      const put: typeof ports.checkpoints.put = async (checkpoint, signal) =>
        checkpoint.targetPaths.length > 0 ? fail(full) : ports.checkpoints.put(checkpoint, signal);
      const checkpoints = { ...ports.checkpoints, put };
      const published = await world.publish(raw, { ...ports, checkpoints });
      assert.deepEqual(published, { ok: false, failure: full });
      assert.deepEqual(world.machine.mounts(), []);
    }));

  it("leaves the staging mount to the writers where only one target is read-only", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.publish({ targetReadOnly: true })).ok, true);
      assert.deepEqual(
        world.machine.mounts().map(({ path, readOnly }) => [path, readOnly]),
        [
          [stagingPath, false],
          [targetPath, true],
        ],
      );
    }));

  it("gives no pod read-only what it is to write, once `ro` is no mount option", () =>
    withNode({ writer: granted }, async (world) => {
      const shown = (): unknown[] => world.machine.mounts().map(({ path, readOnly }) => [path, readOnly]);
      const other = "/var/lib/kubelet/pods/2/volumes/pvc-1/mount";
      const flagged = { mountFlags: ["ro"] };
      assert.equal((await world.publish(flagged)).ok, true);
      const before = [
        [stagingPath, true],
        [targetPath, true],
      ];
      // A restarted kubelet publishes what the pod has, by the options of now.
      assert.deepEqual(await world.publish(), { ok: true, value: undefined });
      assert.equal(kindOf(await world.publish({ targetPath: other })), "DeviceBusy");
      assert.deepEqual(shown(), before);
      assert.equal((await world.publish({ ...flagged, targetPath: other })).ok, true);
      assert.deepEqual(shown(), [...before, [other, true]]);
      for (const path of [targetPath, other])
        assert.equal((await world.unpublish({ targetPath: path })).ok, true);
      assert.deepEqual(await world.publish({ targetPath: other }), { ok: true, value: undefined });
      assert.deepEqual(shown(), [
        [stagingPath, false],
        [other, false],
      ]);
      assert.deepEqual(world.ports().checkpoints.volumes()[0]?.targetPaths, [other]);
    }));

  it("reports what a raw device has lost as it is unbound, also without its checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.publish(raw)).ok, true);
      await world.ports().checkpoints.remove("pvc-1", never);
      const failure = { kind: "WritesLost", devicePath: "/dev/sdc", detail: "Input/output error" } as const;
      world.machine.failNext("unmount", failure);
      assert.equal(kindOf(await world.unpublish()), "WritesLost");
      assert.equal((await world.unpublish()).ok, true);
      assert.deepEqual(
        world.emitted.map(({ about, reason }) => [about.name, reason]),
        [["pvc-1", "WritesLost"]],
      );
    }));

  for (const { targetReadOnly, lost } of [
    { targetReadOnly: false, lost: ["WritesLost"] },
    { targetReadOnly: true, lost: [] },
  ])
    it(`says of a ${targetReadOnly ? "read-only" : "writable"} raw device that is gone what may be lost`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.equal((await world.publish({ ...raw, targetReadOnly })).ok, true);
        world.machine.detach(0);
        assert.equal((await world.unpublish()).ok, true);
        assert.deepEqual(
          world.emitted.map(({ reason }) => reason),
          lost,
        );
      }));

  for (const accessType of ["mount", "block"] as const)
    it(`restores a lost checkpoint with all that is bound (${accessType})`, () =>
      withNode({ writer: granted }, async (world) => {
        const other = "/var/lib/kubelet/pods/2/volumes/pvc-1/mount";
        assert.equal((await world.publish({ accessType, targetPath: other })).ok, true);
        assert.equal((await world.publish({ accessType })).ok, true);
        const { checkpoints } = world.ports();
        const before = checkpoints.volumes();
        assert.deepEqual(before[0]?.targetPaths, [targetPath, other]);
        await checkpoints.remove("pvc-1", never);
        assert.deepEqual(await world.publish({ accessType }), { ok: true, value: undefined });
        assert.deepEqual(checkpoints.volumes(), before);
      }));

  for (const accessType of ["mount", "block"] as const)
    describe(`where the node is fenced in the middle of it (${accessType})`, () => {
      const isBind = (line: string): boolean => /^bind(Mount|Device)/u.test(line);

      /** Publishes while a fence begins between the read of the record and the bind. */
      async function publishUnderFence(world: NodeWorld): Promise<string> {
        for (const command of ["bindMount", "bindDevice"] as const)
          world.machine.setLatencyMs(command, 1_000);
        const publishing = publishVolume(world.ports(), aPublishRequest({ accessType }), never);
        const isBinding = (): boolean => world.machine.commandsInFlight().some(isBind);
        assert.ok(await world.clock.runUntil(isBinding, LIMIT_MS));
        await world.setRecord((record) => ({ ...record, fencing: identity("node-a") }));
        return kindOf(await world.answerOf(publishing));
      }

      it("leaves nothing at the target of a pod that has not started", () =>
        withNode({ writer: granted }, async (world) => {
          assert.equal(await publishUnderFence(world), "NotWriter");
          const isBound = world.machine.mounts().some(({ path }) => path === targetPath);
          assert.deepEqual([world.machine.placeholders(), isBound], [[], false]);
          assert.deepEqual(world.ports().checkpoints.volumes()[0]?.targetPaths, []);
        }));

      it("leaves a pod what it has after a kubelet restart", () =>
        withNode({ writer: granted }, async (world) => {
          assert.ok((await world.publish({ accessType })).ok);
          const mounts = world.machine.mounts();
          assert.equal(await publishUnderFence(world), "NotWriter");
          assert.deepEqual([world.machine.mounts(), world.machine.placeholders()], [mounts, []]);
          assert.deepEqual(world.ports().checkpoints.volumes()[0]?.targetPaths, [targetPath]);
          // No placeholder covers a file, and a raw target is one.
          if (accessType === "block") return;
          await world.setRecord(({ fencing: _fencing, ...record }) => record);
          assert.ok((await world.answerOf(world.ports().host.mountPlaceholder(targetPath, never))).ok);
          // The bind covers the placeholder, which shows again.
          assert.equal(await publishUnderFence(world), "NotWriter");
          assert.deepEqual(world.machine.placeholders(), [targetPath]);
        }));
    });
});
