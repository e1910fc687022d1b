import type { Lab } from "../../../testbed/lab/lab.ts";
import { reinstallDriver } from "../driver-lab.ts";
import type { Workloads } from "./workloads.ts";

const API = "snapshot.storage.k8s.io";
const READY_MAX_MS = 180_000;
const GONE_MAX_MS = 240_000;

/** A snapshot as the lab's Azure shows it. */
export interface AzureSnapshot {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: { readonly incremental: boolean; readonly networkAccessPolicy: string };
}

/** Reinstalls the driver with snapshots unless it has them: a lab that was kept may be without. */
export async function takeSnapshots(lab: Lab): Promise<void> {
  const controller = ["deployment/csi-snapshot-controller", "--namespace=kube-system"];
  const found = await lab.kubectl(["get", ...controller, "--ignore-not-found", "--output=name"]);
  if (found === "") await reinstallDriver(lab);
}

export function aSnapshotClass(name: string, parameters: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: `${API}/v1`,
    kind: "VolumeSnapshotClass",
    metadata: { name },
    driver: "disk.csi.azure.com",
    deletionPolicy: "Delete",
    parameters,
  };
}

/** A snapshot of a claim. */
export function aVolumeSnapshot(options: {
  readonly name: string;
  readonly snapshotClass: string;
  readonly claim: string;
}): object {
  return {
    apiVersion: `${API}/v1`,
    kind: "VolumeSnapshot",
    metadata: { name: options.name },
    spec: {
      volumeSnapshotClassName: options.snapshotClass,
      source: { persistentVolumeClaimName: options.claim },
    },
  };
}

/** A VolumeSnapshot of a snapshot that exists in Azure and outlives it, and the content that names that. */
export function aStaticSnapshot(options: {
  readonly name: string;
  readonly namespace: string;
  readonly snapshotUri: string;
}): readonly object[] {
  const { name, namespace, snapshotUri } = options;
  return [
    {
      apiVersion: `${API}/v1`,
      kind: "VolumeSnapshotContent",
      metadata: { name },
      spec: {
        driver: "disk.csi.azure.com",
        deletionPolicy: "Retain",
        source: { snapshotHandle: snapshotUri },
        volumeSnapshotRef: { name, namespace },
      },
    },
    {
      apiVersion: `${API}/v1`,
      kind: "VolumeSnapshot",
      metadata: { name },
      spec: { source: { volumeSnapshotContentName: name } },
    },
  ];
}

/** Waits until disks can be made of a VolumeSnapshot. */
export async function untilSnapshotReady({ kubectl }: Workloads, name: string): Promise<void> {
  const ready = ["--for=jsonpath={.status.readyToUse}=true", `--timeout=${READY_MAX_MS}ms`];
  await kubectl(["wait", `volumesnapshot/${name}`, ...ready], { timeoutMs: 2 * READY_MAX_MS });
}

/** Deletes every VolumeSnapshot of the namespace: one that is still to be made keeps its claim. */
export async function deleteSnapshots({ kubectl }: Workloads): Promise<void> {
  await kubectl(["delete", "volumesnapshots", "--all", `--timeout=${GONE_MAX_MS}ms`], {
    timeoutMs: 2 * GONE_MAX_MS,
  });
}

/** Every snapshot in the lab's Azure. */
export async function snapshotsInAzure(lab: Lab): Promise<readonly AzureSnapshot[]> {
  const state = (await lab.azure.call("GET", "/emulator/v1/state")) as {
    readonly snapshots: readonly AzureSnapshot[];
  };
  return state.snapshots;
}
