/** What of Azure a region has. */
export interface Region {
  /** `East US`. */
  readonly displayName: string;
  /** `US`: the part of the world. */
  readonly group: string;
  readonly pair?: string;
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

/** The part of the world, such as `US`, and its regions by name. */
const BY_GROUP: Readonly<Record<string, Readonly<Record<string, Omit<Region, "group">>>>> = {
  Africa: {
    southafricanorth: {
      displayName: "South Africa North",
      pair: "southafricawest",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    southafricawest: {
      displayName: "South Africa West",
      pair: "southafricanorth",
      zones: 0,
      restricted: true,
    },
  },
  "Asia Pacific": {
    australiacentral: { displayName: "Australia Central", pair: "australiacentral2", zones: 0, ultra: 0 },
    australiacentral2: {
      displayName: "Australia Central 2",
      pair: "australiacentral",
      zones: 0,
      premiumV2: 0,
      ultra: 0,
      restricted: true,
    },
    australiaeast: {
      displayName: "Australia East",
      pair: "australiasoutheast",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    australiasoutheast: {
      displayName: "Australia Southeast",
      pair: "australiaeast",
      zones: 0,
      premiumV2: 0,
      ultra: 0,
    },
    centralindia: { displayName: "Central India", pair: "southindia", zones: 3, premiumV2: 3, ultra: 1 },
    eastasia: {
      displayName: "East Asia",
      pair: "southeastasia",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 1,
    },
    indonesiacentral: { displayName: "Indonesia Central", zones: 3, premiumV2: 3, ultra: 3 },
    japaneast: { displayName: "Japan East", pair: "japanwest", zones: 3, premiumV2: 3, ultra: 3 },
    japanwest: { displayName: "Japan West", pair: "japaneast", zones: 3, premiumV2: 2, ultra: 2 },
    koreacentral: {
      displayName: "Korea Central",
      pair: "koreasouth",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 1,
    },
    koreasouth: { displayName: "Korea South", pair: "koreacentral", zones: 0, ultra: 0, restricted: true },
    malaysiawest: { displayName: "Malaysia West", zones: 3, premiumV2: 3, ultra: 3 },
    newzealandnorth: {
      displayName: "New Zealand North",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    southeastasia: {
      displayName: "Southeast Asia",
      pair: "eastasia",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    southindia: { displayName: "South India", pair: "centralindia", zones: 0, premiumV2: 0 },
    westindia: { displayName: "West India", pair: "southindia", zones: 0 },
  },
  Canada: {
    canadacentral: { displayName: "Canada Central", pair: "canadaeast", zones: 3, premiumV2: 3, ultra: 3 },
    canadaeast: { displayName: "Canada East", pair: "canadacentral", zones: 0, premiumV2: 0, ultra: 0 },
  },
  Europe: {
    austriaeast: { displayName: "Austria East", zones: 3, premiumV2: 3, ultra: 3 },
    belgiumcentral: { displayName: "Belgium Central", zones: 3 },
    denmarkeast: { displayName: "Denmark East", zones: 3 },
    francecentral: {
      displayName: "France Central",
      pair: "francesouth",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    francesouth: { displayName: "France South", pair: "francecentral", zones: 0, restricted: true },
    germanynorth: {
      displayName: "Germany North",
      pair: "germanywestcentral",
      zones: 0,
      premiumV2: 0,
      restricted: true,
    },
    germanywestcentral: {
      displayName: "Germany West Central",
      pair: "germanynorth",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 2,
    },
    italynorth: { displayName: "Italy North", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    northeurope: { displayName: "North Europe", pair: "westeurope", zones: 3, premiumV2: 3, ultra: 3 },
    norwayeast: {
      displayName: "Norway East",
      pair: "norwaywest",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
    },
    norwaywest: {
      displayName: "Norway West",
      pair: "norwayeast",
      zones: 0,
      premiumV2: 0,
      ultra: 0,
      restricted: true,
    },
    polandcentral: {
      displayName: "Poland Central",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    spaincentral: { displayName: "Spain Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 2 },
    swedencentral: {
      displayName: "Sweden Central",
      pair: "swedensouth",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    swedensouth: { displayName: "Sweden South", pair: "swedencentral", zones: 0, restricted: true },
    switzerlandnorth: {
      displayName: "Switzerland North",
      pair: "switzerlandwest",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    switzerlandwest: {
      displayName: "Switzerland West",
      pair: "switzerlandnorth",
      zones: 0,
      premiumV2: 0,
      restricted: true,
    },
    westeurope: { displayName: "West Europe", pair: "northeurope", zones: 3, premiumV2: 3, ultra: 3 },
  },
  Mexico: {
    mexicocentral: { displayName: "Mexico Central", zones: 3, premiumV2: 3, nonzonalPremiumV2: true },
  },
  "Middle East": {
    israelcentral: { displayName: "Israel Central", zones: 3, premiumV2: 3 },
    qatarcentral: { displayName: "Qatar Central", zones: 3, ultra: 2 },
    uaecentral: { displayName: "UAE Central", pair: "uaenorth", zones: 0, ultra: 0, restricted: true },
    uaenorth: { displayName: "UAE North", pair: "uaecentral", zones: 3, premiumV2: 3, ultra: 3 },
  },
  "South America": {
    brazilsouth: {
      displayName: "Brazil South",
      pair: "southcentralus",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 1,
    },
    brazilsoutheast: {
      displayName: "Brazil Southeast",
      pair: "brazilsouth",
      zones: 0,
      premiumV2: 0,
      ultra: 0,
      restricted: true,
    },
    chilecentral: { displayName: "Chile Central", zones: 3 },
  },
  UK: {
    uksouth: { displayName: "UK South", pair: "ukwest", zones: 3, premiumV2: 3, ultra: 3 },
    ukwest: { displayName: "UK West", pair: "uksouth", zones: 0, premiumV2: 0, ultra: 0 },
  },
  US: {
    centralus: { displayName: "Central US", pair: "eastus2", zones: 3, premiumV2: 3, ultra: 3 },
    eastus: { displayName: "East US", pair: "westus", zones: 3, premiumV2: 3, ultra: 3 },
    eastus2: { displayName: "East US 2", pair: "centralus", zones: 3, premiumV2: 3, ultra: 3 },
    northcentralus: {
      displayName: "North Central US",
      pair: "southcentralus",
      zones: 0,
      premiumV2: 0,
      ultra: 0,
    },
    southcentralus: {
      displayName: "South Central US",
      pair: "northcentralus",
      zones: 3,
      premiumV2: 3,
      ultra: 2,
    },
    westcentralus: { displayName: "West Central US", pair: "westus2", zones: 0, premiumV2: 0 },
    westus: { displayName: "West US", pair: "eastus", zones: 0, premiumV2: 0, ultra: 0 },
    westus2: { displayName: "West US 2", pair: "westcentralus", zones: 3, premiumV2: 3, ultra: 3 },
    westus3: { displayName: "West US 3", pair: "eastus", zones: 3, premiumV2: 3, ultra: 3 },
  },
};

/**
 * The regions of Azure's public cloud, by name. Sources, all of Learn: List of Azure regions (zones,
 * restricted access); Deploy a Premium SSD v2, and a nonzonal one; Using Azure Ultra Disks (August 2026).
 * Groups and pairs are recorded, as are the zones (karpenter-provider-azure, `pkg/fake/locations.json`).
 */
export const REGIONS: Readonly<Record<string, Region>> = Object.fromEntries(
  Object.entries(BY_GROUP)
    .flatMap(([group, regions]) =>
      Object.entries(regions).map(([name, region]) => [name, { group, ...region }] as const),
    )
    .toSorted(([one], [other]) => (one < other ? -1 : 1)),
);
