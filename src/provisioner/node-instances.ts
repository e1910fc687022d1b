import { parseProviderId } from "../core/cloud/provider-id.ts";
import { resourceUriKey } from "../core/model/disk-uri.ts";

/** Nodes that are remembered: twice the largest cluster that Kubernetes promises to carry. */
const NODES_MAX = 10_000;

/**
 * Which VM is behind each node, as the orchestrator tells it: the `spec.providerID` of Kubernetes' Nodes. A node that nobody told of is taken for the VM of
 * its name in the cluster's resource group. Never a proof: whoever acts on a VM compares its vmId, since names are reused.
 */
export class NodeInstances {
  readonly #providerIds = new Map<string, string>();
  /** By the ARM id in lower case. */
  readonly #nodeNames = new Map<string, string>();

  /** Takes note of a node, or of another VM behind it. */
  tell(nodeName: string, providerId: string): void {
    this.forget(nodeName);
    this.#providerIds.set(nodeName, providerId);
    const key = instanceKey(providerId);
    if (key !== undefined) this.#nodeNames.set(key, nodeName);
    const [oldest] = this.#providerIds.keys();
    if (this.#providerIds.size > NODES_MAX && oldest !== undefined) this.forget(oldest);
  }

  /** Forgets a node that is gone. */
  forget(nodeName: string): void {
    const providerId = this.#providerIds.get(nodeName);
    if (providerId === undefined) return;
    this.#providerIds.delete(nodeName);
    const key = instanceKey(providerId);
    // The VM may be another node's by now.
    if (key !== undefined && this.#nodeNames.get(key) === nodeName) this.#nodeNames.delete(key);
  }

  /** Its providerID; undefined for a node that nobody told of. */
  providerIdOf(nodeName: string): string | undefined {
    return this.#providerIds.get(nodeName);
  }

  /** The node that was told of with this VM, whatever the case of its id. */
  nodeNameOf(instanceUri: string): string | undefined {
    return this.#nodeNames.get(resourceUriKey(instanceUri));
  }
}

function instanceKey(providerId: string): string | undefined {
  const parsed = parseProviderId(providerId);
  if (parsed.kind !== "VirtualMachine") return undefined;
  const { subscriptionId, resourceGroup, name } = parsed.vm;
  return resourceUriKey(`/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${name}`);
}
