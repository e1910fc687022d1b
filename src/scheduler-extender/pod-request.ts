export interface ClaimReference {
  readonly kind: "claim";
  /** `<namespace>/<name>`. */
  readonly claimKey: string;
  /**
   * It was made for the pod of that name alone, of which there is one at a time: by a claim template of its
   * StatefulSet, by an operator that makes pods itself, or as a generic ephemeral volume.
   */
  readonly isPodsOwn: boolean;
}

/** How a pod names a volume that may be the driver's. */
export type VolumeReference =
  | ClaimReference
  /** The URI of a managed disk that the pod names itself, as the in-tree driver allowed. */
  | { readonly kind: "disk"; readonly diskUri: string };

/**
 * A Pod (core/v1), as far as it is read. Any client of the port may have written it, so every field may
 * be malformed.
 */
interface WirePod {
  readonly metadata?: {
    readonly name?: unknown;
    readonly namespace?: unknown;
    readonly uid?: unknown;
    readonly ownerReferences?: unknown;
  } | null;
  readonly spec?: { readonly volumes?: unknown } | null;
  readonly status?: { readonly nominatedNodeName?: unknown } | null;
}

interface WireVolume {
  readonly name?: unknown;
  readonly persistentVolumeClaim?: { readonly claimName?: unknown } | null;
  readonly ephemeral?: unknown;
  readonly azureDisk?: { readonly diskURI?: unknown; readonly kind?: unknown } | null;
}

/** The volumes of a pod that may be the driver's, each once. What is malformed names none. */
export function volumeReferences(pod: unknown): readonly VolumeReference[] {
  if (!isObject(pod)) return [];
  const { metadata, spec } = pod as WirePod;
  const volumes = spec?.volumes;
  if (!Array.isArray(volumes)) return [];
  const facts: PodFacts = {
    namespace: textOf(metadata?.namespace) ?? "default",
    podName: textOf(metadata?.name) ?? "",
    hasController: hasController(metadata?.ownerReferences),
  };
  const byName = new Map<string, VolumeReference>();
  for (const volume of volumes as readonly unknown[]) {
    const reference = isObject(volume) ? referenceOf(volume, facts) : undefined;
    if (reference !== undefined)
      byName.set(
        reference.kind === "claim" ? reference.claimKey : reference.diskUri.toLowerCase(),
        reference,
      );
  }
  return [...byName.values()];
}

/**
 * The node that an earlier scheduling cycle chose for a pod, and evicted others for, or could not bind it to;
 * undefined: none. A scheduler tries that node alone first, and then all others.
 */
export function nominatedNodeName(pod: unknown): string | undefined {
  return isObject(pod) ? textOf((pod as WirePod).status?.nominatedNodeName) : undefined;
}

export function podUid(pod: unknown): string | undefined {
  return isObject(pod) ? textOf((pod as WirePod).metadata?.uid) : undefined;
}

interface PodFacts {
  readonly namespace: string;
  readonly podName: string;
  readonly hasController: boolean;
}

function hasController(owners: unknown): boolean {
  if (!Array.isArray(owners)) return false;
  return owners.some(
    (owner: unknown) => isObject(owner) && "controller" in owner && owner.controller === true,
  );
}

/**
 * Whether a claim is named after a pod, as a StatefulSet names those of its templates (`data-web-0`), and
 * operators those of the pods that they make (`db-1`, `db-1-wal`). The pods of a Deployment or a Job get new
 * names, which no claim has. One without a controller may share what is named after it.
 */
function isNamedAfter({ podName, hasController: isControlled }: PodFacts, claimName: string): boolean {
  if (!isControlled || podName === "") return false;
  return claimName === podName || claimName.startsWith(`${podName}-`) || claimName.endsWith(`-${podName}`);
}

function referenceOf(volume: WireVolume, pod: PodFacts): VolumeReference | undefined {
  const { namespace, podName } = pod;
  const claimName = textOf(volume.persistentVolumeClaim?.claimName);
  if (claimName !== undefined)
    return {
      kind: "claim",
      claimKey: `${namespace}/${claimName}`,
      isPodsOwn: isNamedAfter(pod, claimName),
    };
  const volumeName = textOf(volume.name);
  // The name that Kubernetes gives the claim of a generic ephemeral volume.
  if (isObject(volume.ephemeral) && volumeName !== undefined)
    return { kind: "claim", claimKey: `${namespace}/${podName}-${volumeName}`, isPodsOwn: true };
  const diskUri = textOf(volume.azureDisk?.diskURI);
  return diskUri === undefined || textOf(volume.azureDisk?.kind)?.toLowerCase() !== "managed"
    ? undefined
    : { kind: "disk", diskUri };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
