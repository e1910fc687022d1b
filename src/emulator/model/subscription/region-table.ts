/** What of Azure a region has. */
export interface Region {
  /** `East US`. */
  readonly displayName: string;
  /** How many availability zones a subscription has in it: three or none. */
  readonly zones: number;
  /** In how many of them there is PremiumV2_LRS; 0: in the region, which has no zones. Absent: not there. */
  readonly premiumV2?: number;
  /** Whether it also has PremiumV2_LRS for VMs without a zone, beside its zones. */
  readonly nonzonalPremiumV2?: true;
  /** In how many of them there is UltraSSD_LRS; 0: for VMs without a zone only. Absent: not there. */
  readonly ultra?: number;
  /** Only subscriptions that Microsoft has let in have it. */
  readonly restricted?: true;
}

/**
 * The regions of Azure's public cloud, by name. Sources, all of Learn: List of Azure regions (zones,
 * restricted access); Deploy a Premium SSD v2, and a nonzonal one; Using Azure Ultra Disks (August 2026).
 */
export const REGIONS: Readonly<Record<string, Region>> = {
  australiacentral: { displayName: "Australia Central", zones: 0, ultra: 0 },
  australiacentral2: {
    displayName: "Australia Central 2",
    zones: 0,
    premiumV2: 0,
    ultra: 0,
    restricted: true,
  },
  australiaeast: { displayName: "Australia East", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
  australiasoutheast: { displayName: "Australia Southeast", zones: 0, premiumV2: 0, ultra: 0 },
  austriaeast: { displayName: "Austria East", zones: 3, premiumV2: 3, ultra: 3 },
  belgiumcentral: { displayName: "Belgium Central", zones: 3 },
  brazilsouth: { displayName: "Brazil South", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 1 },
  brazilsoutheast: { displayName: "Brazil Southeast", zones: 0, premiumV2: 0, ultra: 0, restricted: true },
  canadacentral: { displayName: "Canada Central", zones: 3, premiumV2: 3, ultra: 3 },
  canadaeast: { displayName: "Canada East", zones: 0, premiumV2: 0, ultra: 0 },
  centralindia: { displayName: "Central India", zones: 3, premiumV2: 3, ultra: 1 },
  centralus: { displayName: "Central US", zones: 3, premiumV2: 3, ultra: 3 },
  chilecentral: { displayName: "Chile Central", zones: 3 },
  denmarkeast: { displayName: "Denmark East", zones: 3 },
  eastasia: { displayName: "East Asia", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 1 },
  eastus: { displayName: "East US", zones: 3, premiumV2: 3, ultra: 3 },
  eastus2: { displayName: "East US 2", zones: 3, premiumV2: 3, ultra: 3 },
  francecentral: { displayName: "France Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
  francesouth: { displayName: "France South", zones: 0, restricted: true },
  germanynorth: { displayName: "Germany North", zones: 0, premiumV2: 0, restricted: true },
  germanywestcentral: {
    displayName: "Germany West Central",
    zones: 3,
    premiumV2: 3,
    nonzonalPremiumV2: true,
    ultra: 2,
  },
  indonesiacentral: { displayName: "Indonesia Central", zones: 3, premiumV2: 3, ultra: 3 },
  israelcentral: { displayName: "Israel Central", zones: 3, premiumV2: 3 },
  italynorth: { displayName: "Italy North", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
  japaneast: { displayName: "Japan East", zones: 3, premiumV2: 3, ultra: 3 },
  japanwest: { displayName: "Japan West", zones: 3, premiumV2: 2, ultra: 2 },
  koreacentral: { displayName: "Korea Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 1 },
  koreasouth: { displayName: "Korea South", zones: 0, ultra: 0, restricted: true },
  malaysiawest: { displayName: "Malaysia West", zones: 3, premiumV2: 3, ultra: 3 },
  mexicocentral: { displayName: "Mexico Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true },
  newzealandnorth: {
    displayName: "New Zealand North",
    zones: 3,
    premiumV2: 3,
    nonzonalPremiumV2: true,
    ultra: 3,
  },
  northcentralus: { displayName: "North Central US", zones: 0, premiumV2: 0, ultra: 0 },
  northeurope: { displayName: "North Europe", zones: 3, premiumV2: 3, ultra: 3 },
  norwayeast: { displayName: "Norway East", zones: 3, premiumV2: 3, nonzonalPremiumV2: true },
  norwaywest: { displayName: "Norway West", zones: 0, premiumV2: 0, ultra: 0, restricted: true },
  polandcentral: { displayName: "Poland Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
  qatarcentral: { displayName: "Qatar Central", zones: 3, ultra: 2 },
  southafricanorth: {
    displayName: "South Africa North",
    zones: 3,
    premiumV2: 3,
    nonzonalPremiumV2: true,
    ultra: 3,
  },
  southafricawest: { displayName: "South Africa West", zones: 0, restricted: true },
  southcentralus: { displayName: "South Central US", zones: 3, premiumV2: 3, ultra: 2 },
  southeastasia: { displayName: "Southeast Asia", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
  southindia: { displayName: "South India", zones: 0, premiumV2: 0 },
  spaincentral: { displayName: "Spain Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 2 },
  swedencentral: { displayName: "Sweden Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
  swedensouth: { displayName: "Sweden South", zones: 0, restricted: true },
  switzerlandnorth: {
    displayName: "Switzerland North",
    zones: 3,
    premiumV2: 3,
    nonzonalPremiumV2: true,
    ultra: 3,
  },
  switzerlandwest: { displayName: "Switzerland West", zones: 0, premiumV2: 0, restricted: true },
  uaecentral: { displayName: "UAE Central", zones: 0, ultra: 0, restricted: true },
  uaenorth: { displayName: "UAE North", zones: 3, premiumV2: 3, ultra: 3 },
  uksouth: { displayName: "UK South", zones: 3, premiumV2: 3, ultra: 3 },
  ukwest: { displayName: "UK West", zones: 0, premiumV2: 0, ultra: 0 },
  westcentralus: { displayName: "West Central US", zones: 0, premiumV2: 0 },
  westeurope: { displayName: "West Europe", zones: 3, premiumV2: 3, ultra: 3 },
  westindia: { displayName: "West India", zones: 0 },
  westus: { displayName: "West US", zones: 0, premiumV2: 0, ultra: 0 },
  westus2: { displayName: "West US 2", zones: 3, premiumV2: 3, ultra: 3 },
  westus3: { displayName: "West US 3", zones: 3, premiumV2: 3, ultra: 3 },
};
