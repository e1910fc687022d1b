/** Who may export or import a disk's bytes over the network, in Azure's spelling. */
export const networkAccessPolicies = ["AllowAll", "DenyAll", "AllowPrivate"] as const;

/** Whether a disk's bytes are reachable from public networks, in Azure's spelling. */
export const publicNetworkAccesses = ["Enabled", "Disabled"] as const;

/** Encryption with the key of a disk encryption set, alone or on top of Azure's own. */
export const diskEncryptionTypes = [
  "EncryptionAtRestWithCustomerKey",
  "EncryptionAtRestWithPlatformAndCustomerKeys",
] as const;

/** The sizes of a sector, in bytes, that Azure offers where it offers a choice. */
export const sectorSizes = [512, 4096] as const;
