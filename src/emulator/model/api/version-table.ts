import { type MemberPath, memberPath } from "./json.ts";

/** A member of a resource, such as `properties.storageProfile.dataDisks[].detachOption`. */
export interface Field {
  readonly path: string;
  readonly steps: MemberPath;
  /** The first API version that has it. */
  readonly since: string;
}

/** The members that each version has brought, separated by blanks. */
type Additions = Readonly<Record<string, string>>;

/**
 * Conditional writes came with ETags; `etag` stands for the member, the answer's header and `If-Match` alike.
 */
export const ETAG = fieldAt("etag", "2023-09-01");

const BYPASSES_CHECKS = "patchSettings.automaticByPlatformSettings.bypassPlatformSafetyChecksOnUserSchedule";
const EVENTS_VERSION =
  "scheduledEventsAdditionalPublishingTargets.eventGridAndResourceGraph.scheduledEventsApiVersion";
const OF_APPLICATIONS = `applicationProfile.galleryApplications[].enableAutomaticUpgrade
    applicationProfile.galleryApplications[].treatFailureAsDeploymentFailure`;

/** What a VM, an instance of a scale set and the model of one have in common. */
const MACHINE: Additions = {
  "2017-12-01": `storageProfile.osDisk.writeAcceleratorEnabled
    storageProfile.dataDisks[].writeAcceleratorEnabled`,
  "2018-06-01": "storageProfile.osDisk.diffDiskSettings osProfile.linuxConfiguration.provisionVMAgent",
  "2019-07-01": `storageProfile.imageReference.exactVersion
    storageProfile.osDisk.managedDisk.diskEncryptionSet
    storageProfile.dataDisks[].managedDisk.diskEncryptionSet
    storageProfile.dataDisks[].diskIOPSReadWrite storageProfile.dataDisks[].diskMBpsReadWrite`,
  "2019-12-01": "storageProfile.osDisk.diffDiskSettings.placement",
  "2020-06-01": "osProfile.windowsConfiguration.patchSettings securityProfile",
  "2020-12-01": `osProfile.windowsConfiguration.patchSettings.enableHotpatching
    osProfile.linuxConfiguration.patchSettings securityProfile.uefiSettings securityProfile.securityType`,
  "2021-03-01": `osProfile.windowsConfiguration.patchSettings.assessmentMode
    osProfile.linuxConfiguration.patchSettings.assessmentMode networkProfile.networkApiVersion userData`,
  "2021-07-01": "storageProfile.imageReference.sharedGalleryImageId",
  "2021-11-01": `storageProfile.imageReference.communityGalleryImageId
    storageProfile.osDisk.managedDisk.securityProfile storageProfile.dataDisks[].managedDisk.securityProfile`,
  "2022-03-01": `osProfile.windowsConfiguration.patchSettings.automaticByPlatformSettings
    osProfile.linuxConfiguration.patchSettings.automaticByPlatformSettings`,
  "2022-08-01": `storageProfile.diskControllerType
    osProfile.windowsConfiguration.enableVMAgentPlatformUpdates
    osProfile.linuxConfiguration.enableVMAgentPlatformUpdates`,
  "2023-03-01": `osProfile.windowsConfiguration.${BYPASSES_CHECKS}
    osProfile.linuxConfiguration.${BYPASSES_CHECKS}`,
  "2023-09-01": "securityProfile.encryptionIdentity securityProfile.proxyAgentSettings",
  "2024-11-01": "securityProfile.proxyAgentSettings.wireServer securityProfile.proxyAgentSettings.imds",
  "2025-04-01": "securityProfile.proxyAgentSettings.addProxyAgentExtension",
  "2025-11-01": `storageProfile.osDisk.diffDiskSettings.enableFullCaching
    storageProfile.osDisk.storageFaultDomainAlignment
    storageProfile.dataDisks[].storageFaultDomainAlignment`,
  "2026-03-01": "networkProfile.interconnectGroupProfile interconnectBlockProfile",
  "2026-04-01": `hardwareProfile.processorMode storageProfile.osDisk.managedDisk.additionalDiskProperties
    storageProfile.dataDisks[].managedDisk.additionalDiskProperties storageProfile.diskApiVersion
    securityProfile.proxyAgentSettings.wireServer.useLocalFileRules
    securityProfile.proxyAgentSettings.imds.useLocalFileRules`,
};
const VM_OR_INSTANCE: Additions = {
  "2018-06-01": "additionalCapabilities osProfile.allowExtensionOperations",
  "2019-03-01": "storageProfile.dataDisks[].toBeDetached osProfile.requireGuestProvisionSignal",
  "2020-12-01": "storageProfile.dataDisks[].detachOption",
  "2021-03-01": `storageProfile.osDisk.deleteOption storageProfile.dataDisks[].deleteOption
    networkProfile.networkInterfaces[].properties.deleteOption networkProfile.networkInterfaceConfigurations`,
  "2021-07-01": "hardwareProfile.vmSizeProperties additionalCapabilities.hibernationEnabled",
  "2024-03-01": `storageProfile.dataDisks[].sourceResource /dataDisksToAttach[].caching
    /dataDisksToAttach[].deleteOption /dataDisksToAttach[].diskEncryptionSet
    /dataDisksToAttach[].writeAcceleratorEnabled`,
  "2024-11-01": "storageProfile.alignRegionalDisksToVMZone",
  "2025-04-01": "additionalCapabilities.enableFips1403Encryption",
};
const VM: Additions = {
  "2017-12-01": "instanceView.computerName instanceView.osName",
  "2018-04-01": "proximityPlacementGroup",
  "2018-06-01": "/identity.userAssignedIdentities",
  "2019-03-01": `billingProfile evictionPolicy host instanceView.hyperVGeneration priority
    virtualMachineScaleSet`,
  "2020-06-01": "extensionsTimeBudget hostGroup",
  "2020-12-01": "platformFaultDomain /extendedLocation",
  "2021-03-01": "scheduledEventsProfile",
  "2021-04-01": "capacityReservation",
  "2021-07-01": "applicationProfile",
  "2021-11-01": "timeCreated",
  "2022-03-01": OF_APPLICATIONS,
  "2022-11-01": "scheduledEventsProfile.osImageNotificationProfile",
  "2023-09-01": "/managedBy",
  "2024-03-01": "scheduledEventsPolicy",
  "2024-11-01": "/placement",
  "2025-04-01": `scheduledEventsPolicy.allInstancesDown scheduledEventsPolicy.${EVENTS_VERSION}`,
  "2025-11-01": "resiliencyProfile",
  "2026-04-01": "capacityReservation.disableCapacityReservationAssignment",
};
const INSTANCE: Additions = {
  "2018-04-01": "/zones",
  "2019-03-01": "modelDefinitionApplied networkProfileConfiguration protectionPolicy",
  "2022-03-01": "/identity",
  "2022-11-01": "instanceView.computerName instanceView.hyperVGeneration instanceView.osName",
  "2023-07-01": "timeCreated",
  "2024-11-01": "resilientVMDeletionStatus",
  "2026-03-01": "networkProfileConfiguration.interconnectGroupProfile",
  "2026-04-01": "capacityReservation",
};
/** The model of a scale set's instances. */
const MODEL: Additions = {
  "2017-12-01": "evictionPolicy priority",
  "2018-04-01": "storageProfile.osDisk.diskSizeGB",
  "2018-06-01": "extensionProfile.extensions[].properties.provisionAfterExtensions",
  "2019-03-01": "billingProfile scheduledEventsProfile",
  "2020-06-01": `extensionProfile.extensionsTimeBudget
    extensionProfile.extensions[].properties.enableAutomaticUpgrade`,
  "2021-04-01": "capacityReservation",
  "2021-07-01": "applicationProfile extensionProfile.extensions[].properties.suppressFailures",
  "2021-11-01": `hardwareProfile osProfile.allowExtensionOperations
    extensionProfile.extensions[].properties.protectedSettingsFromKeyVault`,
  "2022-03-01": `storageProfile.osDisk.deleteOption storageProfile.dataDisks[].deleteOption
    ${OF_APPLICATIONS}`,
  "2022-11-01": `osProfile.requireGuestProvisionSignal scheduledEventsProfile.osImageNotificationProfile
    serviceArtifactReference`,
  "2023-03-01": "securityPostureReference",
  "2023-09-01": "timeCreated",
  "2024-03-01": "securityPostureReference.isOverridable",
  "2026-04-01": "capacityReservation.disableCapacityReservationAssignment",
};
const SCALE_SET: Additions = {
  "2017-12-01": "platformFaultDomainCount zoneBalance",
  "2018-04-01": "proximityPlacementGroup",
  "2018-06-01": "/identity.userAssignedIdentities",
  "2018-10-01": `automaticRepairsPolicy doNotRunExtensionsOnOverprovisionedVMs
    upgradePolicy.automaticOSUpgradePolicy`,
  "2019-03-01": "additionalCapabilities scaleInPolicy",
  "2020-06-01": "hostGroup",
  "2020-12-01": `orchestrationMode upgradePolicy.rollingUpgradePolicy.enableCrossZoneUpgrade
    upgradePolicy.rollingUpgradePolicy.prioritizeUnhealthyInstances /extendedLocation`,
  "2021-04-01": "spotRestorePolicy",
  "2021-07-01": "additionalCapabilities.hibernationEnabled scaleInPolicy.forceDeletion",
  "2021-11-01": "automaticRepairsPolicy.repairAction timeCreated",
  "2022-03-01": "upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy",
  "2022-08-01": "priorityMixPolicy",
  "2022-11-01": `constrainedMaximumCapacity upgradePolicy.rollingUpgradePolicy.maxSurge
    upgradePolicy.rollingUpgradePolicy.rollbackFailedInstancesOnPolicyBreach`,
  "2023-09-01": "resiliencyPolicy upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral",
  "2024-03-01": "scheduledEventsPolicy",
  "2024-07-01": "skuProfile zonalPlatformFaultDomainAlignMode",
  "2024-11-01": `resiliencyPolicy.automaticZoneRebalancingPolicy scaleInPolicy.prioritizeUnhealthyVMs
    skuProfile.vmSizes[].rank`,
  "2025-04-01": `additionalCapabilities.enableFips1403Encryption highSpeedInterconnectPlacement
    resiliencyPolicy.zoneAllocationPolicy scheduledEventsPolicy.allInstancesDown
    scheduledEventsPolicy.${EVENTS_VERSION} /placement`,
  "2025-11-01": "externalHealthPolicy lifecycleHooksProfile resiliencyPolicy.operationRecoverySettings",
  "2026-03-01": "skuProfile.automaticSkuMigrationPolicy",
};
const AVAILABILITY_SET: Additions = {
  "2018-04-01": "proximityPlacementGroup",
  "2024-07-01": "scheduledEventsPolicy",
  "2025-04-01": `scheduledEventsPolicy.allInstancesDown scheduledEventsPolicy.${EVENTS_VERSION}`,
};
const DISK_OR_SNAPSHOT: Additions = {
  "2018-09-30": "encryptionSettingsCollection hyperVGeneration",
  "2019-03-01": `creationData.sourceUniqueId creationData.uploadSizeBytes diskSizeBytes
    encryptionSettingsCollection.encryptionSettingsVersion uniqueId`,
  "2019-07-01": "encryption",
  "2019-11-01": "creationData.galleryImageReference",
  "2020-05-01": "diskAccessId networkAccessPolicy",
  "2020-06-30": "creationData.logicalSectorSize",
  "2020-09-30": "purchasePlan /extendedLocation",
  "2020-12-01": "supportsHibernation",
  "2021-04-01": "completionPercent publicNetworkAccess supportedCapabilities",
  "2021-08-01": "creationData.securityDataUri securityProfile.secureVMDiskEncryptionSetId",
  "2021-12-01": "dataAccessAuthMode supportedCapabilities.architecture",
  "2022-07-02": "creationData.performancePlus supportedCapabilities.diskControllerTypes",
  "2023-04-02": "creationData.elasticSanResourceId",
  "2023-10-02": "creationData.provisionedBandwidthCopySpeed",
  "2025-01-02": `creationData.instantAccessDurationMinutes creationData.securityMetadataUri
    supportedCapabilities.supportedSecurityOption`,
};
// The description has `diskState` since 2018-09-30, and of snapshots since 2020-06-30; recorded are answers
// of 2017-03-30 with it (Azure/azure-cli, test_disk_create_zones.yaml and test_managed_disk.yaml, 2023).
const DISK: Additions = {
  "2018-06-01": "diskIOPSReadWrite diskMBpsReadWrite",
  "2019-11-01": "diskIOPSReadOnly diskMBpsReadOnly maxShares shareInfo /managedByExtended",
  "2020-06-30": "tier",
  "2020-09-30": "burstingEnabled",
  "2020-12-01": "propertyUpdatesInProgress securityProfile",
  "2022-07-02": "burstingEnabledTime optimizedForFrequentAttach",
  "2023-04-02": "LastOwnershipUpdateTime",
  "2025-01-02": "availabilityPolicy",
};
const SNAPSHOT: Additions = {
  "2019-03-01": "incremental",
  "2021-08-01": "securityProfile",
  // The description has the second one since 2022-07-02; recorded is an answer of this version.
  "2022-03-02": "copyCompletionError incrementalSnapshotFamilyId",
  "2025-01-02": "snapshotAccessState",
};
const ENCRYPTION_SET: Additions = {
  "2020-05-01": "encryptionType",
  "2020-12-01": "lastKeyRotationTimestamp rotationToLatestKeyVersionEnabled",
  "2022-03-02": "federatedClientId /identity.userAssignedIdentities",
};
const DISK_ACCESS: Additions = { "2021-04-01": "/extendedLocation" };

/**
 * The members that came after the version in which managed disks did (2017-03-30), by type of resource. From
 * Azure's API descriptions of all later versions; it lacks the parts of configurations of network interfaces,
 * which nothing here reads.
 */
export const VERSION_TABLE = {
  virtualMachines: [ETAG, ...fields(MACHINE), ...fields(VM_OR_INSTANCE), ...fields(VM)],
  "virtualMachineScaleSets/virtualMachines": [
    ETAG,
    ...fields(MACHINE),
    ...fields(VM_OR_INSTANCE),
    ...fields(INSTANCE),
  ],
  virtualMachineScaleSets: [
    ETAG,
    ...fields(SCALE_SET),
    ...fields(MACHINE, "virtualMachineProfile."),
    ...fields(MODEL, "virtualMachineProfile."),
  ],
  availabilitySets: fields(AVAILABILITY_SET),
  disks: [...fields(DISK_OR_SNAPSHOT), ...fields(DISK)],
  snapshots: [...fields(DISK_OR_SNAPSHOT), ...fields(SNAPSHOT)],
  diskEncryptionSets: fields(ENCRYPTION_SET),
  diskAccesses: fields(DISK_ACCESS),
} as const satisfies Readonly<Record<string, readonly Field[]>>;

/** Paths are below the resource's `properties`, or beside them behind a slash. */
function fields(additions: Additions, below = ""): readonly Field[] {
  return Object.entries(additions).flatMap(([since, members]) =>
    members
      .split(/\s+/)
      .map((member) =>
        fieldAt(member.startsWith("/") ? member.slice(1) : `properties.${below}${member}`, since),
      ),
  );
}

function fieldAt(path: string, since: string): Field {
  return { path, steps: memberPath(path), since };
}
