import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { STORE_ROLLED_BACK, rolledBackReason } from "../../core/rollback/rollback-reports.ts";
import {
  agoMs,
  anAttachment,
  aReplica,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { planWriter } from "../../core/writer/plan-writer.ts";
import type { WriterAction } from "../../core/writer/writer-action.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { observeVolume } from "../observe-volume.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { executeWriterAction } from "./execute-writer-action.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const granted = aWriter("node-a", { held: false });

async function execute(
  world: ReconcileWorld,
  action: WriterAction,
  attach: "kubernetes" | "driver" = "kubernetes",
): Promise<unknown> {
  const observed = observeVolume(world.ports, "pvc-1");
  assert.ok(observed !== undefined);
  return world.answerOf(executeWriterAction({ ...world.ports, attach }, observed, action, never));
}

describe("executeWriterAction", () => {
  it("takes a preempted grant once, and says so on the volume", () =>
    withControllerPorts(async (world) => {
      const writer = aWriter("node-a", { requested: false });
      await world.given("AzVolume", aVolumeWithRecord({ writer, fencing: a }));
      const action: WriterAction = { kind: "RecordPreempted", node: a, epoch: writer.epoch, by: "node-b" };
      for (let time = 0; time < 2; time += 1)
        assert.deepEqual(await execute(world, action), { ok: true, value: {} });
      const record = world.record();
      assert.deepEqual([record?.writer, record?.fencing], [undefined, { ...a, preempted: writer.epoch }]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["WriterPreempted"],
      );
    }));

  it("looks for users by the disk's id alone, also while the record has no detail", async () => {
    for (const spec of [{}, { diskUri }])
      await withControllerPorts(async (world) => {
        const { status, ...volume } = aVolumeWithRecord({ writer: aWriter("node-a") });
        const { detail: _, ...bare } = status ?? {};
        await world.given("AzVolume", {
          ...volume,
          spec: { ...volume.spec, ...spec },
          status: bare,
        } as typeof volume);
        const asked: string[] = [];
        const on: VolumeUsers["on"] = async ({ nodeName, volumeId }) => {
          asked.push(`${volumeId} on ${nodeName}`);
          return { kind: "used", users: ["pod"] };
        };
        const ports = { ...world.ports, users: { ...world.ports.users, on } };
        const observed = observeVolume(ports, "pvc-1");
        assert.ok(observed !== undefined);
        await world.answerOf(executeWriterAction(ports, observed, { kind: "ReleaseCheck", node: a }, never));
        const isKnown = "diskUri" in spec;
        assert.deepEqual(
          [asked.every((where) => where === `${diskUri} on node-a`), asked.length > 0],
          [true, isKnown],
        );
      });
  });

  it("grants only where the uncached objects still request it", async () => {
    const rows: readonly {
      readonly because: string;
      readonly during: (world: ReconcileWorld) => Promise<unknown>;
      readonly writer: unknown;
    }[] = [
      { because: "nothing has changed", during: () => Promise.resolve(), writer: granted },
      {
        because: "its AzVolume is deleted by hand",
        during: (world) => world.other.delete("AzVolume", "pvc-1", {}, never),
        writer: granted,
      },
      {
        because: "its request was withdrawn",
        during: (world) => changeAttachment(world, ({ writerRequest: _, ...spec }) => spec),
        writer: undefined,
      },
      {
        because: "its attachment is leaving",
        during: (world) =>
          world.other.delete("AzVolumeAttachment", anAttachment("node-a").metadata.name, {}, never),
        writer: undefined,
      },
      {
        because: "the disk is being grown offline",
        during: (world) => changeState(world, "Updating"),
        writer: undefined,
      },
      {
        because: "another was granted",
        during: (world) => world.setRecord((record) => ({ ...record, writer: aWriter("node-b") })),
        writer: aWriter("node-b"),
      },
    ];
    for (const { because, during, writer } of rows) {
      await withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        const observed = observeVolume(world.ports, "pvc-1");
        await during(world);
        assert.ok(observed !== undefined);
        await world.answerOf(
          executeWriterAction(world.ports, observed, { kind: "Grant", node: a, isUserSeen: true }, never),
        );
        assert.deepEqual(world.record()?.writer, writer, because);
      });
    }
  });

  it("grants nothing on a request that a backup brings back once the Lease is read", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      const restore = world.backUp();
      await changeAttachment(world, ({ writerRequest: _, ...spec }) => spec);
      let restored: Promise<void> | undefined;
      const get: ObjectStore["get"] = (kind, name, signal) => {
        if (restored !== undefined) return restored.then(() => world.ports.store.get(kind, name, signal));
        const read = world.ports.store.get(kind, name, signal);
        if (kind === "Lease") restored = read.then(restore);
        return read;
      };
      const ports = { ...world.ports, store: { ...world.ports.store, get } };
      await world.answerOf(
        executeWriterAction(ports, observed, { kind: "Grant", node: a, isUserSeen: true }, never),
      );
      assert.equal(world.record()?.writer, undefined);
    }));

  it("grants and revokes in one write with what is due with it", () =>
    withControllerPorts(async (world) => {
      const spec = { maxMountReplicaCount: 1 };
      const waiting = {
        type: "WriterWaiting",
        status: "True",
        reason: "WaitingForWriter",
        message: "",
        lastTransitionTime: agoMs(1_000),
      } as const;
      const volume = aVolumeWithRecord({}, spec);
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", {
        ...volume,
        status: {
          ...(volume.status ?? assert.fail()),
          conditions: [waiting],
          unrequestedSince: agoMs(1_000),
        },
      });
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      await execute(world, { kind: "Grant", node: a, isUserSeen: true });
      const shown = (): unknown => {
        const { conditions = [], unrequestedSince } = world.volume()?.status ?? {};
        return [conditions.map(({ type, status }) => [type, status]), unrequestedSince];
      };
      assert.deepEqual(shown(), [[["FailoverReady", "False"]], undefined]);
      await changeAttachment(world, (present) => ({
        ...present,
        ...aReplica("node-a").spec,
        writerRequest: undefined,
      }));
      await world.setRecord((record) => ({ ...record, writer: { ...granted, requested: false } }));
      await execute(world, { kind: "Revoke" });
      assert.deepEqual(shown(), [[], toTimestamp(world.clock.nowMs())]);
    }));

  it("keeps, with a grant, since when another node waits", () =>
    withControllerPorts(async (world) => {
      const lastTransitionTime = agoMs(1_000);
      const waiting = { type: "WriterWaiting", status: "True", message: "", lastTransitionTime } as const;
      const volume = aVolumeWithRecord({});
      const status = volume.status ?? assert.fail();
      await world.given("AzVolume", {
        ...volume,
        status: { ...status, conditions: [{ ...waiting, reason: "WriterSilent" }] },
      });
      for (const nodeName of ["node-a", "node-b"])
        await world.given("AzVolumeAttachment", anAttachment(nodeName));
      await execute(world, { kind: "Grant", node: a, isUserSeen: true });
      const shown = world.volume()?.status?.conditions.find(({ type }) => type === "WriterWaiting");
      assert.deepEqual([shown?.reason, shown?.lastTransitionTime], ["WaitingForWriter", lastTransitionTime]);
      assert.match(shown?.message ?? "", /^node-b waits for the volume to be released by node-a; /u);
    }));

  it("reports to those who wait which user is in the way, unseen by the cache", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      for (const nodeName of ["node-a", "node-b"])
        await world.given("AzVolumeAttachment", anAttachment(nodeName));
      for (const use of [
        { kind: "used", users: ["pod default/db-0"] },
        { kind: "unknown", because: "no answer" },
      ] as const) {
        world.use = use;
        await execute(world, { kind: "ReleaseCheck", node: a });
      }
      const event = {
        about: { kind: "AzVolume", name: "pvc-1" },
        reason: "WaitingForWriter",
        waitingOn: ["node-b"],
      } as const;
      const waits = "node-b waits for the volume to be released by node-a";
      assert.deepEqual(world.emitted, [
        { ...event, message: `${waits}, where pod default/db-0 still uses it` },
        {
          ...event,
          message: `${waits}; it is not known now whether a workload uses it there: no answer`,
        },
      ]);
    }));

  it("withdraws the leaked request of a writer that is then revoked", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: granted }));
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", { spec: { writerRequest: { since: agoMs(9_000) } } }),
      );
      assert.deepEqual(await execute(world, { kind: "ReleaseCheck", node: a }), { ok: true, value: {} });
      assert.deepEqual(
        [world.attachment("node-a")?.spec.role, world.attachment("node-a")?.spec.writerRequest],
        ["Primary", undefined],
      );
      const observed = observeVolume(world.ports, "pvc-1");
      assert.deepEqual(planWriter(observed ?? assert.fail()), [{ kind: "Revoke" }]);
    }));

  for (const { because, writerRequest, held } of [
    { because: "with a request", writerRequest: { since: agoMs(9_000) }, held: false },
    { because: "whose request was withdrawn before", writerRequest: undefined, held: false },
    { because: "that still unmounts", writerRequest: undefined, held: true },
  ])
    it(`demotes the attachment of a released writer ${because}, where nothing unpublishes`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: { ...granted, held } }));
        await world.given("AzVolumeAttachment", anAttachment("node-a", { spec: { writerRequest } }));
        assert.deepEqual(await execute(world, { kind: "ReleaseCheck", node: a }, "driver"), {
          ok: true,
          value: {},
        });
        assert.deepEqual(world.attachment("node-a")?.spec, aReplica("node-a").spec);
      }));

  it("demotes no attachment whose user requests it again after the release", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: granted }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const asked: string[] = [];
      const users: VolumeUsers = {
        ...world.ports.users,
        on: async () => {
          asked.push("on");
          // After the withdrawal, a new user is bound and makes its own request.
          if (asked.length === 3)
            await requestWriter(
              world.ports,
              { volume: aVolumeWithRecord({}), nodeName: "node-a", volumeContext: {} },
              never,
            );
          return { kind: "unused" };
        },
      };
      const observed = observeVolume(world.ports, "pvc-1") ?? assert.fail();
      await world.answerOf(
        executeWriterAction(
          { ...world.ports, attach: "driver", users },
          observed,
          { kind: "ReleaseCheck", node: a },
          never,
        ),
      );
      assert.deepEqual(
        [
          asked.length,
          world.attachment("node-a")?.spec.role,
          world.attachment("node-a")?.spec.writerRequest === undefined,
        ],
        [3, "Primary", false],
      );
    }));

  it("renews a request whose user came during the withdrawal", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: granted }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { spec: { readOnly: true } }));
      const thirdTime = (): Promise<void> => {
        world.use = { kind: "used", users: ["default/pod-1"] };
        return Promise.resolve();
      };
      const next = (then: () => Promise<void>) => (): Promise<void> => {
        world.during.users = then;
        return Promise.resolve();
      };
      world.during.users = next(next(thirdTime));
      await execute(world, { kind: "ReleaseCheck", node: a });
      assert.notEqual(world.attachment("node-a")?.spec.writerRequest, undefined);
      assert.equal(world.attachment("node-a")?.spec.readOnly, true);
    }));
});

async function changeAttachment(
  world: ReconcileWorld,
  change: (spec: ReturnType<typeof anAttachment>["spec"]) => ReturnType<typeof anAttachment>["spec"],
): Promise<void> {
  const present = await world.other.get("AzVolumeAttachment", anAttachment("node-a").metadata.name, never);
  assert.ok(present.ok);
  await world.other.update(
    "AzVolumeAttachment",
    { ...present.value, spec: change(present.value.spec) },
    never,
  );
}

async function changeState(world: ReconcileWorld, state: "Updating"): Promise<void> {
  const present = await world.other.get("AzVolume", "pvc-1", never);
  assert.ok(present.ok && present.value.status !== undefined);
  await world.other.updateStatus(
    "AzVolume",
    { ...present.value, status: { ...present.value.status, state } },
    never,
  );
}

describe("a node that alone reports a rollback", () => {
  const condition = {
    type: STORE_ROLLED_BACK,
    status: "True" as const,
    reason: rolledBackReason(0),
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const checkpointed = {
    conditions: [condition],
    volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch: 7 }],
  };
  for (const { because, attachments, isGranted } of [
    {
      because: "it has the volume attached and in its checkpoints",
      attachments: ["node-a", "node-b"],
      isGranted: false,
    },
    { because: "it never had the volume, whatever it reports", attachments: ["node-a"], isGranted: true },
  ])
    it(`${isGranted ? "does not hold up" : "holds up"} a grant where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzDriverNode", aDriverNode("node-b", checkpointed));
        for (const nodeName of attachments)
          await world.given(
            "AzVolumeAttachment",
            nodeName === "node-a" ? anAttachment(nodeName) : aReplica(nodeName),
          );
        await execute(world, { kind: "Grant", node: a, isUserSeen: true });
        assert.equal(world.record()?.writer?.nodeName, isGranted ? "node-a" : undefined);
      }));
});

describe("Grant to a node where no user is seen", () => {
  const rows = [
    {
      because: "attach: driver, and a pod is bound there",
      attach: "driver",
      use: { kind: "used", users: ["pod default/db-0"] },
      isGranted: true,
    },
    { because: "attach: driver, and no pod is", attach: "driver", use: { kind: "unused" }, isGranted: false },
    {
      because: "attach: driver, and users are not known",
      attach: "driver",
      use: { kind: "unknown" },
      isGranted: false,
    },
    {
      because: "attach: kubernetes, where a pod is no VolumeAttachment",
      attach: "kubernetes",
      use: { kind: "used", users: ["a"] },
      isGranted: false,
    },
  ] as const;
  for (const { because, attach, use, isGranted } of rows)
    it(`${isGranted ? "grants" : "waits"}: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        await world.given("AzVolumeAttachment", anAttachment("node-a"));
        const ports = { ...world.ports, attach };
        const observed = observeVolume(ports, "pvc-1");
        assert.ok(observed !== undefined);
        world.use = use;
        await world.answerOf(
          executeWriterAction(ports, observed, { kind: "Grant", node: a, isUserSeen: false }, never),
        );
        assert.equal(world.record()?.writer?.nodeName, isGranted ? "node-a" : undefined);
      }));
});
