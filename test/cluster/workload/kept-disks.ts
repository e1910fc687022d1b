import type { Lab } from "../../../testbed/lab/lab.ts";
import { example } from "./examples.ts";
import type { Workloads } from "./workloads.ts";

/**
 * Deletes pod, claim and PersistentVolume and keeps the disk, as for an upgrade that recreates the cluster.
 */
export async function keepDisk(
  { lab, kubectl }: Workloads,
  { pod, claim, volume }: { readonly pod: string; readonly claim: string; readonly volume: string },
): Promise<void> {
  await lab.kubectl([
    "patch",
    "pv",
    volume,
    "--type",
    "merge",
    "--patch",
    '{"spec": {"persistentVolumeReclaimPolicy": "Retain"}}',
  ]);
  await kubectl(["delete", `pod/${pod}`, `pvc/${claim}`]);
  await lab.kubectl(["delete", `pv/${volume}`]);
}

/** An existing disk in one zone. */
export interface KeptDisk {
  readonly diskUri: string;
  /** Of Azure: `1`. */
  readonly zone: string;
}

/** The disk of a bound claim. */
export async function diskOf(workloads: Workloads, claim: string): Promise<KeptDisk> {
  const { detail } = (await workloads.volumeOf(claim)).status ?? {};
  const zone = detail?.zones[0];
  if (detail === undefined || zone === undefined) throw new Error(`claim ${claim} has no disk in a zone`);
  return { diskUri: detail.diskUri, zone };
}

/** PersistentVolume `name` and claim `existing-disk` of a disk, as in the example. */
export async function staticVolume(
  { lab, namespace }: Workloads,
  name: string,
  { diskUri, zone }: KeptDisk,
): Promise<string> {
  const manifest = await example("volumes/static.yaml");
  return manifest
    .replace("volumeHandle: DISK_URI", `volumeHandle: ${diskUri}`)
    .replace("[DISK_ZONE]", `[${lab.azure.location}-${zone}]`)
    .replaceAll("namespace: default", `namespace: ${namespace}`)
    .replace(
      "kind: PersistentVolume\nmetadata:\n  name: existing-disk",
      `kind: PersistentVolume\nmetadata:\n  name: ${name}`,
    )
    .replace("volumeName: existing-disk", `volumeName: ${name}`);
}

/**
 * Deletes a retained disk with its PersistentVolume: this driver deletes the disk if the PersistentVolume
 * names it as the provisioner and has the policy Delete.
 */
export async function releaseDisk(lab: Lab, volume: string): Promise<void> {
  const patch = {
    metadata: { annotations: { "pv.kubernetes.io/provisioned-by": "disk.csi.azure.com" } },
    spec: { persistentVolumeReclaimPolicy: "Delete" },
  };
  await lab.kubectl(["patch", "pv", volume, "--type", "merge", "--patch", JSON.stringify(patch)]);
}
