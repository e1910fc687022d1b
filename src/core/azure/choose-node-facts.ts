import { parseZoneValue } from "./topology.ts";
import { wellKnownZoneKey } from "./zone-keys.ts";

const REGION_LABEL = "topology.kubernetes.io/region";
const VM_SIZE_LABEL = "node.kubernetes.io/instance-type";

/** What one source knows of a machine; undefined or empty: nothing. */
export interface MachineFacts {
  readonly vmSize?: string | undefined;
  readonly location?: string | undefined;
  readonly zone?: string | undefined;
}

/** What a node reports about itself. */
export interface ChosenFacts {
  readonly vmSize: string;
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** Kubernetes' zone label of the Node, as it is; undefined: none. */
  readonly zoneLabel: string | undefined;
}

/**
 * Chooses the facts about the machine: first the operator's settings (also an empty zone), then Azure's,
 * then the labels of the Node.
 */
export function chooseNodeFacts(sources: {
  readonly given: MachineFacts;
  readonly metadata: MachineFacts | undefined;
  readonly labels: Readonly<Record<string, string>>;
}): ChosenFacts {
  const { given, metadata, labels } = sources;
  const zoneLabel = labels[wellKnownZoneKey];
  // Nodes without zone have their fault domain there, such as `0`.
  const labelled = parseZoneValue(zoneLabel ?? "");
  return {
    vmSize: given.vmSize ?? firstKnown(metadata?.vmSize, labels[VM_SIZE_LABEL]),
    location: (
      given.location ?? firstKnown(metadata?.location, labels[REGION_LABEL], labelled?.location)
    ).toLowerCase(),
    zone: given.zone ?? firstKnown(metadata?.zone, labelled?.zone),
    zoneLabel,
  };
}

function firstKnown(...candidates: readonly (string | undefined)[]): string {
  return candidates.find((candidate) => candidate !== undefined && candidate !== "") ?? "";
}
