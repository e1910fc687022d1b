import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { assertSoundOnDisk } from "./assert/sound-disk.ts";
import { driverLab } from "./driver-lab.ts";
import { attachesUnderKilledLeader } from "./faults/attach-under-killed-leader.ts";
import { hangDriverRole } from "./faults/kill-process.ts";
import { movesWithItsRecords } from "./faults/move-writer.ts";
import {
  controllerPods,
  endOfController,
  leaderOf,
  nodeOfLeadingAttacher,
  untilControllersReady,
  vacancyDuring,
} from "./leading-controller.ts";
import {
  assertRecordsKept,
  recordWriter,
  startWriter,
  toldBy,
  untilSignalled,
  writerPod,
} from "./workload/record-writer.ts";
import { withWorkloads } from "./workload/workloads.ts";

const HOME = "node-b";
const PLAIN_CLASS = "managed-csi";
/**
 * A leader that stops regularly releases its Lease, and another acquires it before a killed leader's Lease
 * would have expired. The driver's own two seconds are tested in virtual time.
 */
const CLEAN_TAKEOVER_MAX_MS = 12_000;
/**
 * Until the kubelet has ended a controller that hangs: 45 s at most, and more on a busy machine. With the
 * probes of V1's chart it was 165 s, and 188 s until the pod had moved.
 */
const HUNG_ENDED_MAX_MS = 120_000;
/** How long Azure refuses every call: many times its longest throttling window, at the lab's pace. */
const REFUSED_MS = 60_000;
/** Far fewer than immediate retries would send. */
const REFUSED_CALLS_MAX = 200;

describe("controllers that fail in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await untilControllersReady(lab);
  });
  after(() => untilNothingIsLeft(lab));

  it("resumes an attach of a killed leader, and replaces a stopped leader at once", () =>
    withWorkloads(lab, "leader-killed", async (workloads) => {
      await attachesUnderKilledLeader(workloads, { wayIn: "kubernetes", home: HOME });
      const leader = await leaderOf(lab);
      const pod = (await controllerPods(lab)).get(leader.nodeName) ?? "";
      const cleanMs = await vacancyDuring(lab, async () => {
        await lab.kubectl(["delete", "pod", "--namespace=kube-system", pod, "--wait=false"]);
      });
      console.log(
        `another controller led ${Math.round(cleanMs)} ms after a deleted leader released its Lease`,
      );
      assert.ok(cleanMs < CLEAN_TAKEOVER_MAX_MS, `${cleanMs} ms`);
      assert.notEqual((await leaderOf(lab)).holder, leader.holder);
      await movesWithItsRecords(workloads, "db-0");
      await assertSoundOnDisk(workloads, "db");
      await untilControllersReady(lab);
    }));

  it("moves a pod though the controller beside the leading csi-attacher hangs", () =>
    withWorkloads(lab, "controller-hangs", async (workloads) => {
      await startWriter(workloads, { name: "db", storageClass: PLAIN_CLASS, home: HOME });
      const nodeName = await nodeOfLeadingAttacher(lab);
      await hangDriverRole(lab.node(nodeName), "controller");
      const hungAtMs = Date.now();
      await movesWithItsRecords(workloads, "db-0");
      console.log(`the pod had moved ${Date.now() - hungAtMs} ms after the controller began to hang`);
      const endedMs = (await endOfController(lab, nodeName, hungAtMs)) - hungAtMs;
      assert.ok(endedMs < HUNG_ENDED_MAX_MS, `the controller was ended after ${endedMs} ms`);
      await assertSoundOnDisk(workloads, "db");
      await untilControllersReady(lab);
    }));

  it("backs off while Azure refuses every call, and then serves waiting requests", () =>
    withWorkloads(lab, "throttled", async (workloads) => {
      const pod = await startWriter(workloads, { name: "db", storageClass: PLAIN_CLASS, home: HOME });
      const told = await toldBy(lab, workloads.namespace, pod);
      const effect = {
        kind: "Error",
        status: 429,
        code: "TooManyRequests",
        message: "too many requests",
        retryAfterS: 2,
      };
      await lab.azure.call("POST", "/emulator/v1/faults", { id: "refuse", effect });
      const calls = await azureCallsFromNow(lab);
      const startMs = performance.now();
      await thenCleanUp(
        async () => {
          await lab.kubectl(["cordon", pod.nodeName]);
          await workloads.kubectl(["delete", `pod/${pod.name}`, "--wait=false"]);
          await workloads.apply(recordWriter({ name: "new", storageClass: PLAIN_CLASS, home: HOME }));
          await waitUntil("Azure to have refused for a minute", { timeoutMs: 2 * REFUSED_MS }, async () =>
            performance.now() - startMs >= REFUSED_MS ? true : undefined,
          );
        },
        async () => {
          await lab.azure.call("DELETE", "/emulator/v1/faults/refuse");
          await lab.kubectl(["uncordon", pod.nodeName]);
        },
      );
      const refused = (await calls.all()).filter(({ status }) => status === 429).length;
      console.log(`${refused} calls were refused in ${REFUSED_MS} ms`);
      assert.ok(refused > 0 && refused <= REFUSED_CALLS_MAX, `${refused} calls`);
      await workloads.untilReady("db-0");
      await workloads.untilReady("new-0");
      const successor = await writerPod(workloads, "db-0");
      await untilSignalled(lab, workloads.namespace, successor, "wrote");
      await assertRecordsKept(workloads, "db-0", [{ uid: pod.uid, told }, successor]);
      for (const name of ["db", "new"]) await assertSoundOnDisk(workloads, name);
    }));
});
