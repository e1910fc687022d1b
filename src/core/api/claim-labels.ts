import type { Labels } from "./node-labels.ts";
import { labelValue } from "./object-names.ts";

const VOLUME = "disk.csi.azure.com/pv";
const CLAIM = "disk.csi.azure.com/pvc";
const NAMESPACE = "disk.csi.azure.com/pvc-namespace";

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
  const names = { [VOLUME]: volume, [CLAIM]: name, [NAMESPACE]: namespace };
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, value]) => (value === "" ? [] : [[key, labelValue(value)]])),
  );
}

/** The claim in the labels of an AzVolume, as `<namespace>/<name>`; undefined: they name none. */
export function labelledClaim(labels: Labels | undefined): string | undefined {
  const { [CLAIM]: name, [NAMESPACE]: namespace = "" } = labels ?? {};
  return name === undefined ? undefined : `${namespace}/${name}`;
}
