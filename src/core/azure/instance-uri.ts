/** The parts of a virtual machine's resource URI, as the caller spelled them. */
export interface InstanceUriParts {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** The scale set of a uniform instance; undefined for a VM of its own (flexible scale sets included). */
  readonly scaleSetName: string | undefined;
  /**
   * The VM's name; for a uniform instance its id (`3`) or, in a disk's `managedBy`, the form `<scale
   * set>_3`.
   */
  readonly instanceName: string;
}

const INSTANCE_URI =
  /^\/subscriptions\/([^/\s?#%]+)\/resourceGroups\/([^/\s?#%]+)\/providers\/Microsoft\.Compute\/(?:virtualMachineScaleSets\/([^/\s?#%]+)\/)?virtualMachines\/([^/\s?#%]+)$/iu;

/** The parts of a virtual machine's URI, undefined if `uri` is something else. */
export function parseInstanceUri(uri: string): InstanceUriParts | undefined {
  const [, subscriptionId, resourceGroup, scaleSetName, instanceName] = INSTANCE_URI.exec(uri) ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || instanceName === undefined)
    return undefined;
  return { subscriptionId, resourceGroup, scaleSetName, instanceName };
}

/** The URI of a virtual machine in Azure's spelling. */
export function formatInstanceUri(parts: InstanceUriParts): string {
  const scaleSet = parts.scaleSetName === undefined ? "" : `virtualMachineScaleSets/${parts.scaleSetName}/`;
  return `/subscriptions/${parts.subscriptionId}/resourceGroups/${parts.resourceGroup}/providers/Microsoft.Compute/${scaleSet}virtualMachines/${parts.instanceName}`;
}
