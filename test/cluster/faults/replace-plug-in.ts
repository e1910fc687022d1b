import assert from "node:assert/strict";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "../assert/azure-journal.ts";
import { listObjects } from "../read-objects.ts";
import { assertWayIn, type WayIn } from "../way-in.ts";
import { assertNeverFailed, untilSignalled, type WriterPod, writerPod } from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";
import { killDriverRole } from "./kill-process.ts";

const PLUG_IN = "daemonset/csi-azuredisk-node";
const SETTLED_MAX_MS = 240_000;

/**
 * Kills the plug-in on a writer's node, upgrades all nodes and rolls them back: the pod writes on by the
 * same grant, and Azure receives no call.
 */
export async function writesOnWhilePlugInEnds(
  workloads: Workloads,
  pod: WriterPod,
  wayIn: WayIn,
): Promise<void> {
  const { lab, namespace } = workloads;
  const claim = `data-${pod.name}`;
  const { writer } = (await workloads.volumeOf(claim)).status?.record ?? {};
  const calls = await azureCallsFromNow(lab);
  const restarts = await restartsOn(lab, pod.nodeName);
  await killDriverRole(lab.node(pod.nodeName), "node");
  await waitUntil("the plug-in to be restarted", { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await restartsOn(lab, pod.nodeName)) > restarts ? true : undefined,
  );
  await untilPlugInsReady(lab);
  await upgradeAndGoBack(lab);
  await untilSignalled(lab, namespace, pod, "wrote");
  assert.deepEqual(await calls.vmWrites(), [], "nothing was attached or detached");
  assert.deepEqual((await workloads.volumeOf(claim)).status?.record?.writer, writer, "the same grant");
  assert.deepEqual(await writerPod(workloads, pod.name), pod);
  await assertNeverFailed(lab, namespace, pod);
  await assertWayIn(lab, wayIn, pod.nodeName);
}

export async function untilPlugInsReady(lab: Lab): Promise<void> {
  await lab.kubectl(
    ["rollout", "status", "--namespace=kube-system", PLUG_IN, `--timeout=${SETTLED_MAX_MS}ms`],
    { timeoutMs: 2 * SETTLED_MAX_MS },
  );
}

/** Gives the plug-ins of all nodes an image of another tag at once, and then their own again. */
async function upgradeAndGoBack(lab: Lab): Promise<void> {
  const image = await lab.kubectl([
    "get",
    "--namespace=kube-system",
    PLUG_IN,
    "--output=jsonpath={.spec.template.spec.containers[0].image}",
  ]);
  const upgraded = image.replace(/:[^:@]+@/u, ":upgraded@");
  assert.notEqual(upgraded, image);
  const atOnce = { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: "100%" } } } };
  await lab.kubectl(["patch", "--namespace=kube-system", PLUG_IN, `--patch=${JSON.stringify(atOnce)}`]);
  await lab.kubectl(["set", "image", "--namespace=kube-system", PLUG_IN, `azuredisk=${upgraded}`]);
  await untilPlugInsReady(lab);
  await lab.kubectl(["rollout", "undo", "--namespace=kube-system", PLUG_IN]);
  await untilPlugInsReady(lab);
}

async function restartsOn(lab: Lab, nodeName: string): Promise<number> {
  const labels = encodeURIComponent("app=csi-azuredisk-node");
  const fields = encodeURIComponent(`spec.nodeName=${nodeName}`);
  const [plugIn] = await listObjects<{
    readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
  }>(lab, `/api/v1/namespaces/kube-system/pods?labelSelector=${labels}&fieldSelector=${fields}`);
  return plugIn?.status.containerStatuses?.[0]?.restartCount ?? 0;
}
