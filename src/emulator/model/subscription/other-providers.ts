/** Services without the common prefix of their providers. */
const OF_MICROSOFT = [
  "AVS AlertsManagement ApiManagement AppConfiguration AppPlatform Authorization Automation Blueprint",
  "BotService Cache Cdn CognitiveServices ContainerInstance ContainerRegistry ContainerService",
  "CostManagement CustomProviders DBforMariaDB DBforMySQL DBforPostgreSQL Dashboard DataFactory",
  "DataLakeAnalytics DataLakeStore DataMigration DataProtection Databricks DesktopVirtualization",
  "DevTestLab Devices DocumentDB EventGrid EventHub GuestConfiguration HDInsight HealthcareApis",
  "IoTCentral KeyVault Kusto Logic MachineLearningServices Maintenance ManagedIdentity ManagedServices",
  "Management Maps MarketplaceOrdering MixedReality Monitor Network NotificationHubs",
  "OperationalInsights OperationsManagement PolicyInsights PowerBIDedicated RecoveryServices Relay",
  "Resources Search Security SecurityInsights ServiceBus ServiceFabric SignalRService Sql Storage",
  "StreamAnalytics Web",
]
  .join(" ")
  .split(" ")
  .map((service) => `Microsoft.${service}`);

/**
 * Resource providers beside Microsoft.Compute, spelled as Azure spells them (Learn, Resource providers for
 * Azure services), not all of them. Terraform searches the list of a subscription, by case, for each provider
 * that it uses: its versions before 4 stop where one is missing.
 */
export const OTHER_PROVIDERS: readonly string[] = [...OF_MICROSOFT, "microsoft.insights"];
