import { followCollection } from "../../testbed/lab/cluster/follow-collection.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { listObjects, readObject } from "./read-objects.ts";

const NAMESPACE = "kube-system";
const SELECTOR = "app=csi-azuredisk-controller";
const CONTAINER = "azuredisk";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/azure-disk-csi/leases";
const LEASE_NAME = "disk-csi-azure-com-controller";
const LEASE = `${LEASES}/${LEASE_NAME}`;
const ATTACHER_LEASE =
  `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/` +
  "external-attacher-leader-disk-csi-azure-com";
const LEADS_MAX_MS = 240_000;

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly lastState: { readonly terminated?: { readonly finishedAt: string } };
    }[];
  };
}

/** Names of the controller's pods, by node, without those that are ending. */
export async function controllerPods(lab: Lab): Promise<ReadonlyMap<string, string>> {
  return new Map(
    (await listPods(lab))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata, spec }) => [spec.nodeName ?? "", metadata.name]),
  );
}

function listPods(lab: Lab): Promise<readonly Pod[]> {
  const selector = encodeURIComponent(SELECTOR);
  return listObjects(lab, `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=${selector}`);
}

/** Moves a controller off a node, so that a fault of this node affects no controller. */
export async function keepControllersOff(lab: Lab, nodeName: string): Promise<void> {
  const pod = (await controllerPods(lab)).get(nodeName);
  if (pod === undefined) return;
  await lab.kubectl(["cordon", nodeName]);
  try {
    await lab.kubectl(["delete", "pod", `--namespace=${NAMESPACE}`, pod]);
    await untilControllersReady(lab);
  } finally {
    await lab.kubectl(["uncordon", nodeName]);
  }
}

/** The leader and its node. Waits while no controller leads. */
export async function leaderOf(lab: Lab): Promise<{ readonly holder: string; readonly nodeName: string }> {
  const holder = await waitUntil(
    "a controller to lead",
    { timeoutMs: LEADS_MAX_MS },
    async () => (await holderNow(lab)) || undefined,
  );
  const nodeName = lab.nodes.map(({ name }) => name).find((name) => holder.startsWith(`${name}_`));
  if (nodeName === undefined) throw new Error(`${JSON.stringify(holder)} leads, which is on no node`);
  return { holder, nodeName };
}

/** The node of the csi-attacher that leads. It calls the controller in its own pod alone. */
export async function nodeOfLeadingAttacher(lab: Lab): Promise<string> {
  const holder = await waitUntil("a csi-attacher to lead", { timeoutMs: LEADS_MAX_MS }, async () => {
    const lease = await readObject<LeaseNow>(lab, ATTACHER_LEASE);
    return (lease.spec.holderIdentity ?? "") || undefined;
  });
  if (!lab.nodes.some(({ name }) => name === holder)) throw new Error(`${holder} leads, which is no node`);
  return holder;
}

/**
 * Waits until the kubelet of a node has ended the controller's process there at `afterMs` or later, and
 * returns when that was. Both in milliseconds since 1970; the kubelet writes whole seconds.
 */
export async function endOfController(lab: Lab, nodeName: string, afterMs: number): Promise<number> {
  return await waitUntil(
    `the controller's process on ${nodeName} to be ended`,
    { timeoutMs: LEADS_MAX_MS },
    async () => {
      const ends = (await listPods(lab))
        .filter(({ spec }) => spec.nodeName === nodeName)
        .flatMap(({ status }) => status.containerStatuses ?? [])
        .filter(({ name }) => name === CONTAINER)
        .map(({ lastState }) => Date.parse(lastState.terminated?.finishedAt ?? ""));
      return ends.find((endMs) => endMs >= afterMs);
    },
  );
}

/** Waits until a controller other than `holder` leads, and returns how long that took, in milliseconds. */
export async function untilAnotherLeads(lab: Lab, holder: string): Promise<number> {
  const startMs = performance.now();
  await waitUntil(`another controller than ${holder} to lead`, { timeoutMs: LEADS_MAX_MS }, async () => {
    const now = await holderNow(lab);
    return now !== "" && now !== holder ? true : undefined;
  });
  return performance.now() - startMs;
}

/**
 * Runs `use`, in which a leader stops regularly, and returns for how long no controller led, in
 * milliseconds. The time counts from the release of the Lease, since the kubelet decides when it stops the
 * pod. Throws if the Lease was not released.
 */
export async function vacancyDuring(lab: Lab, use: () => Promise<void>): Promise<number> {
  let givenBackAtMs: number | undefined;
  let takenAtMs: number | undefined;
  const watching = new AbortController();
  const { ended } = await followCollection(
    lab,
    LEASES,
    ({ atMs, object }) => {
      if (object.metadata.name !== LEASE_NAME) return;
      const { holderIdentity = "" } = (object as unknown as LeaseNow).spec;
      if (holderIdentity === "") givenBackAtMs ??= atMs;
      else if (givenBackAtMs !== undefined) takenAtMs ??= atMs;
    },
    watching.signal,
  );
  try {
    await use();
    return await waitUntil("the Lease to be released and acquired", { timeoutMs: LEADS_MAX_MS }, async () =>
      givenBackAtMs === undefined || takenAtMs === undefined ? undefined : takenAtMs - givenBackAtMs,
    );
  } finally {
    watching.abort();
    await ended;
  }
}

/** Waits until the controllers are ready, and those that they replace have ended: these may still lead. */
export async function untilControllersReady(lab: Lab): Promise<void> {
  await lab.kubectl(
    [
      "rollout",
      "status",
      `--namespace=${NAMESPACE}`,
      "deployment/csi-azuredisk-controller",
      `--timeout=${LEADS_MAX_MS}ms`,
    ],
    {
      timeoutMs: 2 * LEADS_MAX_MS,
    },
  );
  await waitUntil("replaced controllers to have ended", { timeoutMs: LEADS_MAX_MS }, async () =>
    (await listPods(lab)).every(({ metadata }) => metadata.deletionTimestamp === undefined)
      ? true
      : undefined,
  );
}

/** How many rollbacks of the store were detected. */
export async function storeIncarnation(lab: Lab): Promise<number> {
  return Number((await leaseNow(lab)).metadata.annotations?.["disk.csi.azure.com/store-incarnation"] ?? 0);
}

async function holderNow(lab: Lab): Promise<string> {
  return (await leaseNow(lab)).spec.holderIdentity ?? "";
}

interface LeaseNow {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly holderIdentity?: string };
}

function leaseNow(lab: Lab): Promise<LeaseNow> {
  return readObject(lab, LEASE);
}
