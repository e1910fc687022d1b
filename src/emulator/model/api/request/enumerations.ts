/** Members with few values, as Azure's description has them. The service does not distinguish their case. */
export const ENUMERATIONS = {
  osType: ["Windows", "Linux"],
  hyperVGeneration: ["V1", "V2"],
  networkAccessPolicy: ["AllowAll", "AllowPrivate", "DenyAll"],
  publicNetworkAccess: ["Enabled", "Disabled"],
  dataAccessAuthMode: ["AzureActiveDirectory", "None"],
} as const;

/**
 * The same of the disks of VMs and scale sets, and of what disks and snapshots are made from. Recorded:
 * Azure shows `FromImage` and `Empty` where the SDK for .NET of 2017 sent `fromImage` and `empty`.
 */
export const DISK_ENUMERATIONS = {
  createOption: [
    "Attach",
    "Copy",
    "CopyFromSanSnapshot",
    "CopyStart",
    "Empty",
    "FromImage",
    "Import",
    "ImportSecure",
    "Restore",
    "Upload",
    "UploadPreparedSecure",
  ],
  caching: ["None", "ReadOnly", "ReadWrite"],
  deleteOption: ["Delete", "Detach"],
} as const;
