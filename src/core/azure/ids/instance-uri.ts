import { idPart } from "./arm-id.ts";

/** The parts of a virtual machine's resource URI, as the caller spelled them. */
export interface InstanceUriParts {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** The scale set of a uniform instance; undefined for a VM of its own (flexible scale sets included). */
  readonly scaleSetName: string | undefined;
  /** The VM's name; for a uniform instance its id (`3`), also where Azure spells it `<scale set>_3`. */
  readonly instanceName: string;
}

const INSTANCE_URI = new RegExp(
  `^/subscriptions/(${idPart})/resourceGroups/(${idPart})/providers/Microsoft\\.Compute/` +
    `(?:virtualMachineScaleSets/(${idPart})/)?virtualMachines/(${idPart})$`,
  "iu",
);

/** The parts of a virtual machine's URI, undefined if `uri` is something else. */
export function parseInstanceUri(uri: string): InstanceUriParts | undefined {
  const [, subscriptionId = "", resourceGroup = "", scaleSetName, spelledName] = INSTANCE_URI.exec(uri) ?? [];
  if (spelledName === undefined) return undefined;
  const instanceName = scaleSetName === undefined ? spelledName : instanceIdOf(scaleSetName, spelledName);
  return { subscriptionId, resourceGroup, scaleSetName, instanceName };
}

/**
 * One spelling of an instance's URI. A disk names a uniform instance as `<scale set>_3` in `managedBy`, where
 * the instance itself, its Node and its metadata say `3`: compared as they are, the disk would seem to have
 * been detached. Other URIs are returned as they are.
 */
export function canonicalInstanceUri(uri: string): string {
  const parts = parseInstanceUri(uri);
  return parts?.scaleSetName === undefined ? uri : formatInstanceUri(parts);
}

function instanceIdOf(scaleSetName: string, spelledName: string): string {
  const prefix = `${scaleSetName}_`.toLowerCase();
  const rest = spelledName.slice(prefix.length);
  return spelledName.toLowerCase().startsWith(prefix) && /^\d+$/.test(rest) ? rest : spelledName;
}

/** The URI of a virtual machine in Azure's spelling. */
export function formatInstanceUri(parts: InstanceUriParts): string {
  const scaleSet = parts.scaleSetName === undefined ? "" : `virtualMachineScaleSets/${parts.scaleSetName}/`;
  return `/subscriptions/${parts.subscriptionId}/resourceGroups/${parts.resourceGroup}/providers/Microsoft.Compute/${scaleSet}virtualMachines/${parts.instanceName}`;
}
