import { type ArmId, parseArmId } from "../core/cloud/arm-id.ts";
import { parseProviderId } from "../core/cloud/provider-id.ts";
import type { Failure } from "../core/failure.ts";
import { isSameResourceUri, resourceUriKey } from "../core/model/disk-uri.ts";
import { type Result, fail, ok } from "../core/result.ts";
import type { DiskPlace } from "./disks.ts";
import type { NodeInstances } from "./node-instances.ts";
import type { VmTarget } from "./vm-update.ts";

/** Where nodes are looked up. */
export interface NodeSources {
  readonly place: DiskPlace;
  readonly nodes: NodeInstances;
}

/** The VM behind a node: the one that its providerID names, else the one of its name in the cluster's resource group. */
export function resolveNode({ place, nodes }: NodeSources, nodeName: string): Result<VmTarget, Failure> {
  const providerId = nodes.providerIdOf(nodeName);
  if (providerId === undefined) return ok(targetIn(place.subscriptionId, place.resourceGroup, nodeName));
  const parsed = parseProviderId(providerId);
  if (parsed.kind === "ScaleSetInstance") return fail({ kind: "Unsupported", what: `node ${nodeName}: ${providerId} is an instance of a uniform scale set` });
  const said = { field: `providerID of node ${nodeName}`, value: providerId };
  if (parsed.kind === "Unknown") return wrong(said, "is not azure:///subscriptions/…/virtualMachines/<name>");
  return targetOf(place, parsed.vm, said);
}

/** The VM of a resource URI. */
export function resolveInstance({ place }: Pick<NodeSources, "place">, instanceUri: string): Result<VmTarget, Failure> {
  const said = { field: "instanceUri", value: instanceUri };
  const id = parseArmId(instanceUri);
  if (id?.type !== "virtualmachines")
    return wrong(said, "is not the id of a VM: /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/<name>");
  return targetOf(place, id, said);
}

/** The node behind a VM; undefined for a VM that is no node of this cluster. */
export function nodeNameOf({ place, nodes }: NodeSources, instanceUri: string): string | undefined {
  const told = nodes.nodeNameOf(instanceUri);
  if (told !== undefined) return told;
  const id = parseArmId(instanceUri);
  if (id === undefined || !isSameResourceUri(targetIn(place.subscriptionId, place.resourceGroup, id.name).uri, instanceUri)) return undefined;
  // Kubernetes' node names are lower case; Azure shows a VM's name in whatever case it likes.
  return id.name.toLowerCase();
}

function targetIn(subscriptionId: string, resourceGroup: string, name: string): VmTarget {
  const uri = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${name}`;
  return { subscriptionId, resourceGroup, name, uri, key: resourceUriKey(uri) };
}

/** Who said which VM it is, for the error where that can't be. */
interface Said {
  readonly field: string;
  readonly value: string;
}

function targetOf(place: DiskPlace, vm: Pick<ArmId, "subscriptionId" | "resourceGroup" | "name">, said: Said): Result<VmTarget, Failure> {
  if (vm.subscriptionId.toLowerCase() !== place.subscriptionId.toLowerCase())
    return wrong(said, `is not in subscription ${place.subscriptionId}, the only one that this driver works in`);
  return ok(targetIn(place.subscriptionId, vm.resourceGroup, vm.name));
}

function wrong(said: Said, problem: string): Result<never, Failure> {
  return fail({ kind: "InvalidArgument", ...said, problem });
}
