import { parseZoneValue, wellKnownZoneKey } from "./topology.ts";

const REGION_LABEL = "topology.kubernetes.io/region";
const VM_SIZE_LABEL = "node.kubernetes.io/instance-type";

/** What is known of a machine from one source; undefined or empty: not known from there. */
export interface MachineFacts {
  readonly vmSize?: string | undefined;
  readonly location?: string | undefined;
  readonly zone?: string | undefined;
}

/** What a node takes itself to be. */
export interface ChosenFacts {
  readonly vmSize: string;
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** Kubernetes' zone label of the Node, as it is; undefined: none. */
  readonly zoneLabel: string | undefined;
}

/**
 * Chooses what is believed of the machine: what the operator says (an empty zone is a saying, too), then
 * what the platform says, then the labels of the Node.
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
