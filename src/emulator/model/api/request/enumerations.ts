/** Members with few values, as Azure's description has them. The service does not distinguish their case. */
export const ENUMERATIONS = {
  osType: ["Windows", "Linux"],
  hyperVGeneration: ["V1", "V2"],
  networkAccessPolicy: ["AllowAll", "AllowPrivate", "DenyAll"],
  publicNetworkAccess: ["Enabled", "Disabled"],
  dataAccessAuthMode: ["AzureActiveDirectory", "None"],
} as const;
