import { parseArmId } from "../core/cloud/arm-id.ts";
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
  if (parsed.kind === "Unknown") return wrong(nodeName, providerId, "is not azure:///subscriptions/…/virtualMachines/<name>");
  const { subscriptionId, resourceGroup, name } = parsed.vm;
  if (subscriptionId.toLowerCase() !== place.subscriptionId.toLowerCase())
    return wrong(nodeName, providerId, `is not in subscription ${place.subscriptionId}, the only one that this driver works in`);
  return ok(targetIn(place.subscriptionId, resourceGroup, name));
}

/** The VM of a resource URI. */
export function resolveInstance({ place }: Pick<NodeSources, "place">, instanceUri: string): Result<VmTarget, Failure> {
  const id = parseArmId(instanceUri);
  const problem =
    id?.type !== "virtualmachines"
      ? "is not the id of a VM: /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/<name>"
      : id.subscriptionId.toLowerCase() === place.subscriptionId.toLowerCase()
        ? undefined
        : `is not in subscription ${place.subscriptionId}, the only one that this driver works in`;
  if (id === undefined || problem !== undefined) return fail({ kind: "InvalidArgument", field: "instanceUri", value: instanceUri, problem: problem ?? "" });
  return ok(targetIn(place.subscriptionId, id.resourceGroup, id.name));
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
  return { resourceGroup, name, uri, key: resourceUriKey(uri) };
}

function wrong(nodeName: string, providerId: string, problem: string): Result<never, Failure> {
  return fail({ kind: "InvalidArgument", field: `providerID of node ${nodeName}`, value: providerId, problem });
}
