import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";
import { azureCallsFromNow } from "./azure-journal.ts";
import { driverLab } from "./driver-lab.ts";
import { killDriverRole } from "./kill-process.ts";
import { movesWithItsRecords } from "./move-writer.ts";
import { untilNodeReady } from "./node-ready.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { recordWriter, toldBy, untilTold, writerPod } from "./record-writer.ts";
import { attachmentsOf, type Workloads, withWorkloads } from "./workloads.ts";

const HOME = "node-b";
const PLUG_IN = "daemonset/csi-azuredisk-node";
const SETTLED_MAX_MS = 120_000;
const TWO_SHARES = "faults-two-shares";

/** A class whose volumes have one standby, wherever it finds a node. */
const CLASS_OF_TWO_SHARES = JSON.stringify({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: TWO_SHARES },
  provisioner: "disk.csi.azure.com",
  parameters: { skuName: "Premium_ZRS", maxShares: "2" },
  volumeBindingMode: "WaitForFirstConsumer",
});

describe("node plug-ins that end in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await lab.kubectl(["apply", "--filename=-"], { input: CLASS_OF_TWO_SHARES });
  });
  after(async () => {
    await lab.kubectl(["delete", "storageclass", TWO_SHARES]);
    await untilNothingIsLeft(lab);
  });

  it("lets a pod write on while its node's plug-in is killed, upgraded and rolled back, and while the node of its standby is drained and goes: the standby moves elsewhere", () =>
    withWorkloads(lab, "plug-in", async (workloads) => {
      await workloads.apply(recordWriter({ name: "db", storageClass: TWO_SHARES, home: HOME }));
      await workloads.untilReady("db-0");
      const pod = await writerPod(workloads, "db-0");
      const volume = await workloads.volumeOf("data-db-0");
      await untilStandby(workloads, volume.metadata.name, (nodeName) => nodeName !== pod.nodeName);
      const { writer } = (await workloads.volumeOf("data-db-0")).status?.record ?? {};
      const calls = await azureCallsFromNow(lab);

      const restarts = await restartsOn(lab, pod.nodeName);
      await killDriverRole(lab.node(pod.nodeName), "node");
      await waitUntil("the plug-in to be started again", { timeoutMs: SETTLED_MAX_MS }, async () =>
        (await restartsOn(lab, pod.nodeName)) > restarts ? true : undefined,
      );
      await untilRolledOut(lab);
      await upgradeAndGoBack(lab);
      await untilTold(lab, workloads.namespace, pod, "wrote");
      assert.deepEqual(await calls.writes(), [], "nothing was attached or detached");
      assert.deepEqual((await workloads.volumeOf("data-db-0")).status?.record?.writer, writer, "the same grant");

      const standby = await untilStandby(workloads, volume.metadata.name, (nodeName) => nodeName !== pod.nodeName);
      await lab.kubectl(["drain", standby, "--ignore-daemonsets", "--delete-emptydir-data", "--force", `--timeout=${SETTLED_MAX_MS}ms`], {
        timeoutMs: SETTLED_MAX_MS,
      });
      await waitUntil("the volume to say that no standby could take over", { timeoutMs: SETTLED_MAX_MS }, async () => {
        const conditions = (await workloads.volumeOf("data-db-0")).status?.conditions ?? [];
        return conditions.some(({ type, status }) => type === "FailoverReady" && status === "False") ? true : undefined;
      });
      await lab.kubectl(["delete", "node", standby]);
      try {
        await untilStandby(workloads, volume.metadata.name, (nodeName) => nodeName !== pod.nodeName && nodeName !== standby);
      } finally {
        // It says anew that it is a node when it starts, and no longer that it is cordoned.
        await lab.node(standby).stopKubelet();
        await lab.node(standby).startKubelet();
        await untilNodeReady(lab, standby);
        await untilRolledOut(lab);
      }
      await untilTold(lab, workloads.namespace, pod, "wrote");
      assert.deepEqual(await writerPod(workloads, "db-0"), pod);
      assert.deepEqual(
        (await toldBy(lab, workloads.namespace, pod)).filter(({ outcome }) => outcome === "failed"),
        [],
      );
      await movesWithItsRecords(workloads, "db-0");
    }));
});

/** Waits until the volume has one standby, on a node that will do, and is attached nowhere else but to its writer; answers that node. */
async function untilStandby({ lab }: Workloads, volumeName: string, willDo: (nodeName: string) => boolean): Promise<string> {
  return waitUntil("a standby", { timeoutMs: SETTLED_MAX_MS }, async () => {
    const attachments = [...(await attachmentsOf(lab, volumeName)).values()];
    if (attachments.length !== 2 || attachments.some(({ status }) => status?.state !== "Attached")) return undefined;
    const standby = attachments.find(({ status }) => status?.role === "Replica")?.spec.nodeName ?? "";
    return willDo(standby) ? standby : undefined;
  });
}

/** Gives the plug-ins an image of another tag, one node after another, and then their own again. */
async function upgradeAndGoBack(lab: Lab): Promise<void> {
  const image = await lab.kubectl(["get", "--namespace=kube-system", PLUG_IN, "--output=jsonpath={.spec.template.spec.containers[0].image}"]);
  const upgraded = image.replace(/:[^:@]+@/u, ":upgraded@");
  assert.notEqual(upgraded, image);
  await lab.kubectl(["set", "image", "--namespace=kube-system", PLUG_IN, `azuredisk=${upgraded}`]);
  await untilRolledOut(lab);
  await lab.kubectl(["rollout", "undo", "--namespace=kube-system", PLUG_IN]);
  await untilRolledOut(lab);
}

async function restartsOn(lab: Lab, nodeName: string): Promise<number> {
  const selector = ["--selector=app=csi-azuredisk-node", `--field-selector=spec.nodeName=${nodeName}`];
  return Number(
    await lab.kubectl(["get", "pods", "--namespace=kube-system", ...selector, "--output=jsonpath={.items[0].status.containerStatuses[0].restartCount}"]),
  );
}

async function untilRolledOut(lab: Lab): Promise<void> {
  await lab.kubectl(["rollout", "status", "--namespace=kube-system", PLUG_IN, `--timeout=${SETTLED_MAX_MS}ms`], { timeoutMs: 2 * SETTLED_MAX_MS });
}
