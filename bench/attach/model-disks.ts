import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import { LOCATION, diskUri, vmUri } from "./place.ts";

/** Creates disks directly in the model, at once. Returns their ids. */
export function createDisks(
  model: ComputeModel,
  names: readonly string[],
  tagsOf: (name: string) => Readonly<Record<string, string>>,
): readonly string[] {
  return withoutPace(model, () =>
    names.map((name) => {
      const body = {
        location: LOCATION,
        tags: tagsOf(name),
        sku: { name: "Premium_LRS" },
        properties: { creationData: { createOption: "Empty" }, diskSizeGB: 64 },
      };
      const path = diskUri(name);
      const answer = model.handle({ method: "PUT", path, query: { "api-version": "2025-01-02" }, body });
      if (answer.status !== 202) throw new Error(`disk ${path} was answered ${answer.status}`);
      return path;
    }),
  );
}

/** Attaches disks in the model, at once: an equal share to each VM. Returns the disks of each. */
export function attachDisks(
  model: ComputeModel,
  vms: readonly string[],
  disks: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const each = disks.length / vms.length;
  const shares = vms.map((vm, index) => [vm, disks.slice(index * each, (index + 1) * each)] as const);
  withoutPace(model, () => {
    for (const [vm, share] of shares) {
      const dataDisks = share.map((id, lun) => ({
        lun,
        createOption: "Attach",
        caching: "None",
        managedDisk: { id },
      }));
      const body = { properties: { storageProfile: { dataDisks } } };
      const query = { "api-version": "2025-04-01" };
      const answer = model.handle({ method: "PATCH", path: vmUri(vm), query, body });
      if (answer.status !== 200) throw new Error(`attaches to ${vm} were answered ${answer.status}`);
    }
  });
  return new Map(shares);
}

/** The tags by which the driver finds the volumes of its disks again. */
export function driverTags(name: string): Readonly<Record<string, string>> {
  return {
    "k8s-azure-created-by": "kubernetes-azure-dd",
    "disk.csi.azure.com-cluster-id": "bench",
    "disk.csi.azure.com-volume-name": name,
    "disk.csi.azure.com-replicas": "0",
    "disk.csi.azure.com-access": "mount/SINGLE_NODE_WRITER",
  };
}

function withoutPace<T>(model: ComputeModel, act: () => T): T {
  const { settings } = model.world;
  model.world.settings = { ...settings, timeScale: 0, throttling: "off" };
  try {
    return act();
  } finally {
    model.world.settings = settings;
  }
}
