import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { assertSoundOnDisk } from "./assert/sound-disk.ts";
import { assertHandedOver, firstHeldMs, recordsDuring } from "./assert/watch-writer.ts";
import { driverLab } from "./driver-lab.ts";
import { attachesUnderKilledLeader } from "./faults/attach-under-killed-leader.ts";
import { movesWhileApiServerRestarts, writesOnWithoutItsObject } from "./faults/disturb-api.ts";
import { drainReplica, untilFailoverReady, withReplica } from "./faults/drain-replica.ts";
import { withHeldUnmount } from "./faults/held-unmount.ts";
import { movesOffNodeWithoutPower, VICTIM } from "./faults/lose-node.ts";
import { movesWithItsRecords } from "./faults/move-writer.ts";
import { writesOnWhilePlugInEnds } from "./faults/replace-plug-in.ts";
import { keepControllersOff, untilControllersReady } from "./leading-controller.ts";
import { untilReplicasOld } from "./old-replicas.ts";
import { takeWayIn, volumeAttachments, wayInNow } from "./way-in.ts";
import {
  assertNeverFailed,
  assertRecordsKept,
  recordWriter,
  toldBy,
  untilTold,
  writerPod,
} from "./workload/record-writer.ts";
import { attachmentsOf, type Workloads, withWorkloads } from "./workload/workloads.ts";

/**
 * Its disks are on the node that a pod moves to before it does: nothing but the driver is in the way of a
 * second writer there.
 */
const CLASS = "managed-csi-premium-replicas";
/**
 * The attach controller looks through all running pods every three minutes, and at one to which something
 * happens at once.
 */
const ATTACH_CONTROLLER_LOOKS_MAX_MS = 270_000;
const SETTLED_MAX_MS = 60_000;
const BEFORE = "node-a";
const AFTER = "node-b";
const TWO_SHARES = "attach-by-driver-two-shares";

describe(
  "attach by the driver, without Kubernetes' attach controller",
  { skip: (await reasonAgainstLab()) ?? false },
  () => {
    let lab: Lab;
    before(async () => {
      lab = await driverLab();
    });
    after(async () => {
      await takeWayIn(lab, "kubernetes");
      await untilNothingIsLeft(lab);
    });

    it("takes a cluster over from the attach controller while a pod writes, and moves that pod later", () =>
      withWorkloads(lab, "to-the-driver", async (workloads) => {
        await takeWayIn(lab, "kubernetes");
        await startWriter(workloads);
        await writesOnDuring(workloads, () => takeWayIn(lab, "driver"));
        assert.equal(await wayInNow(lab), "driver");
        await waitUntil(
          "the cluster's attachments to be taken over",
          { timeoutMs: SETTLED_MAX_MS },
          async () => ((await volumeAttachments(lab)).length === 0 ? true : undefined),
        );
        await movesWithItsRecords(workloads, "db-0");
      }));

    describe("as it is", () => {
      before(() => takeWayIn(lab, "driver"));

      it("starts a pod that moves only when the unmount on the old node, which takes long, has ended; meanwhile it says what it waits for", () =>
        withWorkloads(lab, "slow-unmount", async (workloads) => {
          const volume = await startAgedWriter(workloads);
          const seen = await recordsDuring(lab, volume, () =>
            withHeldUnmount(lab, BEFORE, async (unmount) => {
              const meanwhile = async (): Promise<void> => {
                await unmount.untilUnderWay();
                await isTold(workloads, "db-0", /^WaitingForUnmount: .*node-a/u);
                await unmount.letGo();
              };
              await movesWithItsRecords(workloads, "db-0", { meanwhile });
            }),
          );
          assertHandedOver(seen);
          const started = await writerPod(workloads, "db-0");
          const [first] = await toldBy(lab, workloads.namespace, started);
          assert.ok(
            first !== undefined && first.atMs >= firstHeldMs(seen, AFTER),
            "it wrote before its node had the volume",
          );
          assert.deepEqual(await volumeAttachments(lab), []);
          await assertSoundOnDisk(workloads, "db");
        }));

      it("waits for a node that is frozen, says so, and cuts nobody off; when the node goes on, its pod ends, and the other one starts", () =>
        withWorkloads(lab, "frozen-node", async (workloads) => {
          await keepControllersOff(lab, BEFORE);
          const volume = await startAgedWriter(workloads);
          const replica = await uidOfReplica(workloads, volume);
          const old = await writerPod(workloads, "db-0");
          const seen = await recordsDuring(lab, volume, async (soFar) => {
            await lab.kubectl(["cordon", BEFORE]);
            await lab.node(BEFORE).freeze();
            await thenCleanUp(
              async () => {
                await workloads.kubectl(["delete", "pod/db-0", "--force", "--grace-period=0"]);
                await isTold(workloads, "db-0", /^WaitingForUnmount: .*node-a.*out-of-service/u);
                assert.equal((await writerPod(workloads, "db-0")).nodeName, AFTER);
                assert.ok(
                  soFar().every(({ record }) => record.writer?.nodeName === BEFORE),
                  "nobody else has the volume while the frozen node may write",
                );
              },
              async () => {
                await lab.node(BEFORE).thaw();
                await lab.kubectl(["uncordon", BEFORE]);
              },
            );
            await workloads.untilReady("db-0");
          });
          assertHandedOver(seen);
          assert.equal(
            await uidOfReplica(workloads, volume),
            replica,
            "the old replica is promoted: it is neither pruned nor made anew",
          );
          const started = await writerPod(workloads, "db-0");
          await untilTold(lab, workloads.namespace, started, "wrote");
          // What the frozen pod said is gone with its log; what it wrote is there.
          await assertRecordsKept(workloads, "db-0", [{ uid: old.uid, told: [] }, started]);
          await assertSoundOnDisk(workloads, "db");
        }));

      it("keeps a pod waiting while one on another node writes the same volume, names both, and lets it start when that one has ended", () =>
        withWorkloads(lab, "two-pods", async (workloads) => {
          const volume = await startAgedWriter(workloads);
          const writer = await writerPod(workloads, "db-0");
          const seen = await recordsDuring(lab, volume, async (soFar) => {
            await workloads.apply(secondPod());
            await isTold(workloads, "second", /^WaitingForWriter: .*node-a.*db-0/u);
            await untilTold(lab, workloads.namespace, writer, "wrote", 5);
            await assertNeverFailed(lab, workloads.namespace, writer);
            assert.ok(
              soFar().every(({ record }) => record.writer?.nodeName === BEFORE && record.writer.held),
              "the writer keeps the volume",
            );
            await workloads.kubectl(["scale", "statefulset/db", "--replicas=0"]);
            await workloads.untilReady("second");
          });
          assertHandedOver(seen);
          await assertRecordsKept(workloads, "second", [{ uid: writer.uid, told: [] }]);
          await workloads.kubectl(["delete", "pod/second"]);
        }));

      it("goes on where a leader that was killed in the middle of an attach left off", () =>
        withWorkloads(lab, "leader-killed-by-driver", async (workloads) => {
          await untilControllersReady(lab);
          await attachesUnderKilledLeader(workloads, { wayIn: "driver", home: AFTER });
          await movesWithItsRecords(workloads, "db-0");
        }));

      it("moves pods off a node without power, with every record that was synced, only after the node was cut off; the node comes back clean", () =>
        withWorkloads(lab, "power-loss-by-driver", async (workloads) => {
          await keepControllersOff(lab, VICTIM);
          await movesOffNodeWithoutPower(workloads, "driver");
        }));

      it("loses nothing and cuts nobody off when the API server dies under an unmount, and when an AzVolume is deleted by hand", () =>
        withWorkloads(lab, "api-fails-by-driver", async (workloads) => {
          await startAgedWriter(workloads);
          const moved = await movesWhileApiServerRestarts(workloads, "db-0");
          await writesOnWithoutItsObject(workloads, moved);
          await movesWithItsRecords(workloads, "db-0");
          await assertSoundOnDisk(workloads, "db");
        }));

      it("lets a pod write on while its node's plug-in is killed, upgraded and rolled back, and while its replica's node is drained; drained itself, its node lets the pod go", () =>
        withReplica(
          lab,
          { namespace: "plug-in-by-driver", storageClass: TWO_SHARES, home: AFTER },
          async (workloads, pod) => {
            await writesOnWhilePlugInEnds(workloads, pod, "driver");
            const replica = await drainReplica(workloads, pod);
            await lab.kubectl(["uncordon", replica]);
            await untilFailoverReady(workloads, pod, "True");
            await movesWithItsRecords(workloads, "db-0", { by: "drain" });
          },
        ));
    });

    it("gives a cluster back to the attach controller while a pod writes, and moves that pod later", () =>
      withWorkloads(lab, "to-kubernetes", async (workloads) => {
        await takeWayIn(lab, "driver");
        const volume = await startWriter(workloads);
        await writesOnDuring(workloads, () => takeWayIn(lab, "kubernetes"));
        assert.equal(await wayInNow(lab), "kubernetes");
        await workloads.kubectl(["annotate", "pod/db-0", "attach=by-kubernetes"]);
        await waitUntil(
          "the pod's attachment to be one of the cluster's",
          { timeoutMs: ATTACH_CONTROLLER_LOOKS_MAX_MS },
          async () =>
            (await volumeAttachments(lab)).some((attachment) => attachment === `${BEFORE} true`)
              ? true
              : undefined,
        );
        await movesWithItsRecords(workloads, "db-0");
        assert.equal((await attachmentsOf(lab, volume)).get(AFTER)?.spec.role, "Primary");
      }));
  },
);

/** The writer on node-a, and a replica on node-b; answers its volume. */
async function startWriter(workloads: Workloads): Promise<string> {
  await workloads.apply(recordWriter({ name: "db", storageClass: CLASS, home: BEFORE }));
  await workloads.untilReady("db-0");
  assert.equal(await workloads.nodeOf("db-0"), BEFORE);
  const volume = (await workloads.volumeOf("data-db-0")).metadata.name;
  await waitUntil(`${volume} to have a replica on ${AFTER}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await attachmentsOf(workloads.lab, volume)).get(AFTER)?.status?.state === "Attached" ? true : undefined,
  );
  return volume;
}

/** The same, once its replica is older than replicas are kept without a request. */
async function startAgedWriter(workloads: Workloads): Promise<string> {
  const volume = await startWriter(workloads);
  await untilReplicasOld(workloads, "data-db-0");
  return volume;
}

/** The attachment on node-b, made anew or not. */
async function uidOfReplica({ lab }: Workloads, volume: string): Promise<string | undefined> {
  return (await attachmentsOf(lab, volume)).get(AFTER)?.metadata.uid;
}

/** The writer is the same pod afterwards, and each record that it tried to write is on the disk. */
async function writesOnDuring(workloads: Workloads, change: () => Promise<void>): Promise<void> {
  const { lab, namespace } = workloads;
  const pod = await writerPod(workloads, "db-0");
  await change();
  await untilTold(lab, namespace, pod, "wrote");
  assert.deepEqual(await writerPod(workloads, "db-0"), pod);
  await assertNeverFailed(lab, namespace, pod);
  await assertRecordsKept(workloads, "db-0", [pod]);
}

async function isTold(workloads: Workloads, pod: string, event: RegExp): Promise<void> {
  await waitUntil(`pod ${pod} to be told ${event.source}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await workloads.eventsOf("Pod", pod)).some((told) => event.test(told)) ? true : undefined,
  );
}

/** A pod on the other node that wants the writer's volume, which only Kubernetes' scheduler lets it have. */
function secondPod(): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "second" },
    spec: {
      terminationGracePeriodSeconds: 1,
      nodeSelector: { "kubernetes.io/hostname": AFTER },
      containers: [
        {
          name: "main",
          image: "busybox",
          command: ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"],
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        },
      ],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }],
    },
  });
}
