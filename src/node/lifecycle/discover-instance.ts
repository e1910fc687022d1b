import { chooseNodeFacts, type ChosenFacts, type MachineFacts } from "../../core/azure/choose-node-facts.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { canonicalInstanceUri } from "../../core/azure/ids/instance-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { backoffMs } from "../../core/primitives/backoff.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { NodePorts } from "../node-ports.ts";

export interface MachinePorts extends Pick<NodePorts, "clock" | "random" | "logger"> {
  readonly metadata: InstanceMetadataService;
}

interface DiscoveryPorts extends Omit<MachinePorts, "metadata"> {
  readonly nodeName: string;
  readonly events: Events;
}

/** The VM that a process believes it runs on. */
export interface KnownMachine {
  readonly vmId: string;
  /** Its resource id. */
  readonly instanceUri: string;
}

/**
 * A new VM's metadata and a new cluster's API server come up within seconds, so the first tries are close
 * together.
 */
const BACKOFF = { baseMs: 500, maxMs: 15_000 };
/** How long that may take before an event of the Node says what is waited for, in milliseconds. */
const UNKNOWN_QUIETLY_MS = 60_000;
/** Interval of the check that this is still the same VM, in milliseconds. */
const CONFIRM_EVERY_MS = 60_000;

/**
 * Discovers which VM this is and its size: retries until it is known, for nothing can be done before. A
 * `vmId` and an `instanceUri` from the operator are believed without asking Azure. Rejects with
 * the signal's reason.
 */
export async function discoverInstance(
  ports: DiscoveryPorts & {
    readonly metadata: InstanceMetadataService | undefined;
    readonly ownNode: OwnNode | undefined;
  },
  given: MachineFacts & { readonly vmId: string | undefined; readonly instanceUri: string | undefined },
  signal: AbortSignal,
): Promise<ChosenFacts & KnownMachine> {
  const { metadata: service, ownNode } = ports;
  const metadata =
    (given.vmId !== undefined && given.instanceUri !== undefined) || service === undefined
      ? undefined
      : await untilKnown(ports, "what VM this is", () => service.read(signal), signal);
  const node =
    ownNode === undefined
      ? undefined
      : await untilKnown(ports, "the Node's labels", () => ownNode.read(signal), signal);
  const vmId = given.vmId ?? metadata?.vmId;
  const instanceUri =
    given.instanceUri === undefined ? metadata?.resourceId : canonicalInstanceUri(given.instanceUri);
  if (vmId === undefined || instanceUri === undefined)
    throw new Error(
      "give both --vm-id and --vm-resource-id, or --metadata-endpoint of a service that knows them",
    );
  const chosen = chooseNodeFacts({ given, metadata, labels: node?.labels ?? {} });
  if (chosen.zone !== "" && chosen.location === "")
    throw new Error(`the VM is in zone ${chosen.zone} of an unknown region: give --location`);
  const learned = { vmId, instanceUri, ...chosen };
  ports.logger.info("this machine", learned);
  return learned;
}

async function untilKnown<T>(
  ports: DiscoveryPorts,
  what: string,
  ask: () => Promise<Result<T>>,
  signal: AbortSignal,
): Promise<T> {
  const startedMs = ports.clock.elapsedMs();
  for (let attempt = 1; ; attempt++) {
    const answer = await ask();
    signal.throwIfAborted();
    if (answer.ok) return answer.value;
    const error = describeFailure(answer.failure);
    ports.logger.warn("not known yet; retrying", { what, attempt, error });
    if (ports.clock.elapsedMs() - startedMs >= UNKNOWN_QUIETLY_MS)
      ports.events.emit({
        about: { kind: "Node", name: ports.nodeName },
        reason: "MachineUnknown",
        message: `the node plug-in has not found out ${what}: ${error}`,
      });
    await ports.clock.sleep(backoffMs({ ...BACKOFF, attempt, chance: ports.random.next() }), signal);
  }
}

/**
 * Verifies, as long as this process runs, that it is on the VM that it believes to be on: records name a
 * node by name and GUID, and every decision here rests on it. Throws after a resume in another VM (of an
 * image of a running one, say), or a move of its VM, since only a restart discovers everything again.
 */
export async function confirmMachine(
  ports: MachinePorts,
  known: KnownMachine,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await ports.clock.sleep(CONFIRM_EVERY_MS, signal);
    const read = await ports.metadata.read(signal);
    if (read.ok && !isSameMachine(known, read.value)) throw new Error(otherMachine(known, read.value));
  }
}

/** A VM that was moved to another resource group keeps its GUID. */
function isSameMachine({ vmId, instanceUri }: KnownMachine, found: InstanceMetadata): boolean {
  return found.vmId === vmId.toLowerCase() && isSameResourceUri(instanceUri, found.resourceId);
}

function otherMachine({ vmId, instanceUri }: KnownMachine, found: InstanceMetadata): string {
  const began = `this process began on the VM with vmId ${vmId} (${instanceUri})`;
  return `${began} and is now on ${found.vmId} (${found.resourceId}): it exits, to restart as that one`;
}
