/** How a pod names a volume that may be the driver's. */
export type VolumeReference =
  /** `<namespace>/<name>` of a PersistentVolumeClaim. */
  | { readonly kind: "claim"; readonly claimKey: string }
  /** The URI of a managed disk that the pod names itself, as the in-tree driver allowed. */
  | { readonly kind: "disk"; readonly diskUri: string };

/**
 * A Pod (core/v1), as far as it is read. Any client of the port may have written it, so every field may
 * be malformed.
 */
interface WirePod {
  readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown } | null;
  readonly spec?: { readonly volumes?: unknown } | null;
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
  const namespace = textOf(metadata?.namespace) ?? "default";
  const podName = textOf(metadata?.name) ?? "";
  const byName = new Map<string, VolumeReference>();
  for (const volume of volumes as readonly unknown[]) {
    const reference = isObject(volume) ? referenceOf(volume, namespace, podName) : undefined;
    if (reference !== undefined)
      byName.set(
        reference.kind === "claim" ? reference.claimKey : reference.diskUri.toLowerCase(),
        reference,
      );
  }
  return [...byName.values()];
}

function referenceOf(volume: WireVolume, namespace: string, podName: string): VolumeReference | undefined {
  const claimName = textOf(volume.persistentVolumeClaim?.claimName);
  if (claimName !== undefined) return { kind: "claim", claimKey: `${namespace}/${claimName}` };
  const volumeName = textOf(volume.name);
  // The name that Kubernetes gives the claim of a generic ephemeral volume.
  if (isObject(volume.ephemeral) && volumeName !== undefined)
    return { kind: "claim", claimKey: `${namespace}/${podName}-${volumeName}` };
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
