import type {
  ArmDiskChange,
  ArmDiskSpec,
  ArmDiskTraits,
  ArmSnapshotSpec,
} from "../../provisioner/arm/arm-api.ts";

/** JSON as it travels. */
type Wire = null | boolean | number | string | readonly Wire[] | WireObject;

interface WireObject {
  readonly [member: string]: Wire;
}

/** A body of ARM: what is not common to all resources is in `properties`. */
type WireBody = WireObject & { readonly properties: WireObject };

export function diskBody(disk: ArmDiskSpec): WireBody {
  const {
    location,
    zones,
    edgeZone,
    tags,
    skuName,
    diskSizeGB,
    maxShares,
    sourceId,
    logicalSectorSize,
    performancePlus,
  } = disk;
  return {
    location,
    ...extendedLocation(edgeZone),
    tags: { ...tags },
    sku: { name: skuName },
    ...(zones.length > 0 ? { zones: [...zones] } : {}),
    properties: {
      creationData: {
        ...(sourceId === undefined
          ? { createOption: "Empty" }
          : { createOption: "Copy", sourceResourceId: sourceId }),
        ...given({ logicalSectorSize, performancePlus }),
      },
      ...given({ diskSizeGB }),
      ...(maxShares > 1 ? { maxShares } : {}),
      ...traits(disk),
    },
  };
}

export function diskChangeBody(change: ArmDiskChange): WireBody {
  const { tags, skuName, diskSizeGB } = change;
  return {
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    ...(skuName === undefined ? {} : { sku: { name: skuName } }),
    properties: { ...given({ diskSizeGB }), ...traits(change) },
  };
}

export function snapshotBody(snapshot: ArmSnapshotSpec): WireBody {
  const { location, tags, sourceId, createOption, incremental, skuName, instantAccessDurationMinutes } =
    snapshot;
  const { networkAccessPolicy, publicNetworkAccess, dataAccessAuthMode, edgeZone } = snapshot;
  return {
    location,
    ...extendedLocation(edgeZone),
    tags: { ...tags },
    ...(skuName === undefined ? {} : { sku: { name: skuName } }),
    properties: {
      incremental,
      creationData: { createOption, sourceResourceId: sourceId, ...given({ instantAccessDurationMinutes }) },
      ...given({ networkAccessPolicy, publicNetworkAccess, dataAccessAuthMode }),
    },
  };
}

function extendedLocation(edgeZone: string | undefined): WireObject {
  return edgeZone === undefined ? {} : { extendedLocation: { name: edgeZone, type: "EdgeZone" } };
}

/** All but the encryption, whose members are in an object of its own. */
type PlainTraits = Omit<ArmDiskTraits, "diskEncryptionSetId" | "encryptionType">;

function traits(disk: ArmDiskTraits): WireObject {
  const {
    diskIOPSReadWrite,
    diskMBpsReadWrite,
    tier,
    burstingEnabled,
    networkAccessPolicy,
    publicNetworkAccess,
    diskAccessId,
    diskEncryptionSetId,
    encryptionType = "EncryptionAtRestWithCustomerKey",
    optimizedForFrequentAttach,
  } = disk;
  return {
    ...given({
      diskIOPSReadWrite,
      diskMBpsReadWrite,
      tier,
      burstingEnabled,
      networkAccessPolicy,
      publicNetworkAccess,
      diskAccessId,
      optimizedForFrequentAttach,
    } satisfies Record<keyof PlainTraits, unknown>),
    ...(diskEncryptionSetId === undefined
      ? {}
      : { encryption: { diskEncryptionSetId, type: encryptionType } }),
  };
}

function given(members: Readonly<Record<string, Wire | undefined>>): WireObject {
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}
