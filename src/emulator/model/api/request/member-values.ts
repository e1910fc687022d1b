/** The members that are numbers wherever they are, from the models of the official JavaScript SDK. */
export const NUMBER_MEMBERS: readonly string[] = `
  baseRegularPriorityCount capacity completionPercent diskIOPSReadOnly diskIOPSReadWrite diskMBpsReadOnly
  diskMBpsReadWrite diskSizeBytes diskSizeGB durationInSeconds idleTimeoutInMinutes
  instantAccessDurationMinutes keyIncarnationId logicalSectorSize lun maxBatchInstancePercent maxPrice
  maxShares maxUnhealthyInstancePercent maxUnhealthyUpgradedInstancePercent maxZoneCount order
  platformFaultDomain platformFaultDomainCount platformUpdateDomainCount rank
  regularPriorityPercentageAboveBase uploadSizeBytes vCPUsAvailable vCPUsPerCore
`
  .trim()
  .split(/\s+/);

/** The same of truth values. */
export const BOOLEAN_MEMBERS: readonly string[] = `
  acceleratedNetwork addProxyAgentExtension alignRegionalDisksToVMZone allowExtensionOperations
  automaticallyApprove autoUpgradeMinorVersion burstingEnabled bypassPlatformSafetyChecksOnUserSchedule
  constrainedMaximumCapacity disableAutomaticRollback disableCapacityReservationAssignment
  disablePasswordAuthentication disableTcpStateTracking doNotRunExtensionsOnOverprovisionedVMs enable
  enableAcceleratedNetworking enableAutomaticOSUpgrade enableAutomaticUpdates enableAutomaticUpgrade
  enableCrossZoneUpgrade enabled enableFips1403Encryption enableFpga enableFullCaching enableHotpatching
  enableIPForwarding enableVMAgentPlatformUpdates encryptionAtHost forceDeletion
  forceUpdateOSDiskForEphemeral getSecureVMGuestStateSAS hibernationEnabled incremental isEnabled
  isOverridable latestModelApplied maxSurge optimizedForFrequentAttach osRollingUpgradeDeferral overprovision
  performancePlus primary prioritizeUnhealthyInstances prioritizeUnhealthyVMs protectFromScaleIn
  protectFromScaleSetActions provisionVMAgent requireGuestProvisionSignal
  rollbackFailedInstancesOnPolicyBreach rotationToLatestKeyVersionEnabled secureBootEnabled
  singlePlacementGroup supportsHibernation suppressFailures tempDisk toBeDetached
  treatFailureAsDeploymentFailure ultraSSDEnabled useLocalFileRules useRollingUpgradePolicy vTpmEnabled
  writeAcceleratorEnabled zoneBalance
`
  .trim()
  .split(/\s+/);
