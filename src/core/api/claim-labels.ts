import type { Labels } from "./node-labels.ts";
import { labelValue } from "./object-names.ts";

/** A PersistentVolume and its claim, as far as they are known. */
export interface NamedClaim {
  /** Name of the PersistentVolume. */
  readonly volume?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/**
 * Labels of an AzVolume for people: `kubectl get azv -l disk.csi.azure.com/pvc=data`. No decision rests on
 * them. A name that is no label's value is shortened, with a hash.
 */
export function claimLabels({ volume = "", namespace = "", name = "" }: NamedClaim): Labels {
  const names = {
    "disk.csi.azure.com/pv": volume,
    "disk.csi.azure.com/pvc": name,
    "disk.csi.azure.com/pvc-namespace": namespace,
  };
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, value]) => (value === "" ? [] : [[key, labelValue(value)]])),
  );
}
