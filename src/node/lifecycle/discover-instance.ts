import { chooseNodeFacts, type ChosenFacts, type MachineFacts } from "../../core/azure/choose-node-facts.ts";
import { isSameResourceUri } from "../../core/azure/disk-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { backoffMs } from "../../core/primitives/backoff.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";

/** What learning takes. */
export interface MachinePorts {
  readonly metadata: InstanceMetadataService;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Which VM a process believes to be on. */
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
/** Time between two looks at whether this is still the VM that it was, in milliseconds. */
const CONFIRM_EVERY_MS = 60_000;

/**
 * Learns which VM this is, and what kind of one: tries until it is told, for nothing can be done before. A
 * `vmId` and an `instanceUri` that the operator gives are believed, and the platform not asked. Rejects
 * with the signal's reason.
 */
export async function discoverInstance(
  ports: Omit<MachinePorts, "metadata"> & {
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
  const instanceUri = given.instanceUri ?? metadata?.resourceId;
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
  ports: Omit<MachinePorts, "metadata">,
  what: string,
  ask: () => Promise<Result<T, Failure>>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask();
    signal.throwIfAborted();
    if (answer.ok) return answer.value;
    ports.logger.warn("not known yet; it is asked again", {
      what,
      attempt,
      message: describeFailure(answer.failure),
    });
    await ports.clock.sleep(backoffMs({ ...BACKOFF, attempt, chance: ports.random.next() }), signal);
  }
}

/**
 * Makes sure, as long as this process runs, that it is on the VM that it believes to be on: records name a
 * node by name and GUID, and everything that is decided here rests on it. Throws where it has woken up in
 * another VM (an image of a running one, say), or its VM was moved, since only a new start learns
 * everything anew.
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
  return `${began} and is now on ${found.vmId} (${found.resourceId}): it ends, to begin anew as that one`;
}
