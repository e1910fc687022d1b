import { normalLocation } from "../world.ts";

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

/** The part of the world, such as `US`, and its regions by the name that they display. */
const BY_GROUP: Readonly<Record<string, Readonly<Record<string, Omit<Region, "displayName" | "group">>>>> = {
  Africa: {
    "South Africa North": {
      pair: "southafricawest",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    "South Africa West": { pair: "southafricanorth", zones: 0, restricted: true },
  },
  "Asia Pacific": {
    "Australia Central": { pair: "australiacentral2", zones: 0, ultra: 0 },
    "Australia Central 2": { pair: "australiacentral", zones: 0, premiumV2: 0, ultra: 0, restricted: true },
    "Australia East": {
      pair: "australiasoutheast",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    "Australia Southeast": { pair: "australiaeast", zones: 0, premiumV2: 0, ultra: 0 },
    "Central India": { pair: "southindia", zones: 3, premiumV2: 3, ultra: 1 },
    "East Asia": { pair: "southeastasia", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 1 },
    "Indonesia Central": { zones: 3, premiumV2: 3, ultra: 3 },
    "Japan East": { pair: "japanwest", zones: 3, premiumV2: 3, ultra: 3 },
    "Japan West": { pair: "japaneast", zones: 3, premiumV2: 2, ultra: 2 },
    "Korea Central": { pair: "koreasouth", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 1 },
    "Korea South": { pair: "koreacentral", zones: 0, ultra: 0, restricted: true },
    "Malaysia West": { zones: 3, premiumV2: 3, ultra: 3 },
    "New Zealand North": { zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    "Southeast Asia": { pair: "eastasia", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    "South India": { pair: "centralindia", zones: 0, premiumV2: 0 },
    "West India": { pair: "southindia", zones: 0 },
  },
  Canada: {
    "Canada Central": { pair: "canadaeast", zones: 3, premiumV2: 3, ultra: 3 },
    "Canada East": { pair: "canadacentral", zones: 0, premiumV2: 0, ultra: 0 },
  },
  Europe: {
    "Austria East": { zones: 3, premiumV2: 3, ultra: 3 },
    "Belgium Central": { zones: 3 },
    "Denmark East": { zones: 3 },
    "France Central": { pair: "francesouth", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    "France South": { pair: "francecentral", zones: 0, restricted: true },
    "Germany North": { pair: "germanywestcentral", zones: 0, premiumV2: 0, restricted: true },
    "Germany West Central": {
      pair: "germanynorth",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 2,
    },
    "Italy North": { zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    "North Europe": { pair: "westeurope", zones: 3, premiumV2: 3, ultra: 3 },
    "Norway East": { pair: "norwaywest", zones: 3, premiumV2: 3, nonzonalPremiumV2: true },
    "Norway West": { pair: "norwayeast", zones: 0, premiumV2: 0, ultra: 0, restricted: true },
    "Poland Central": { zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    "Spain Central": { zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 2 },
    "Sweden Central": { pair: "swedensouth", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 3 },
    "Sweden South": { pair: "swedencentral", zones: 0, restricted: true },
    "Switzerland North": {
      pair: "switzerlandwest",
      zones: 3,
      premiumV2: 3,
      nonzonalPremiumV2: true,
      ultra: 3,
    },
    "Switzerland West": { pair: "switzerlandnorth", zones: 0, premiumV2: 0, restricted: true },
    "West Europe": { pair: "northeurope", zones: 3, premiumV2: 3, ultra: 3 },
  },
  Mexico: {
    "Mexico Central": { zones: 3, premiumV2: 3, nonzonalPremiumV2: true },
  },
  "Middle East": {
    "Israel Central": { zones: 3, premiumV2: 3 },
    "Qatar Central": { zones: 3, ultra: 2 },
    "UAE Central": { pair: "uaenorth", zones: 0, ultra: 0, restricted: true },
    "UAE North": { pair: "uaecentral", zones: 3, premiumV2: 3, ultra: 3 },
  },
  "South America": {
    "Brazil South": { pair: "southcentralus", zones: 3, premiumV2: 3, nonzonalPremiumV2: true, ultra: 1 },
    "Brazil Southeast": { pair: "brazilsouth", zones: 0, premiumV2: 0, ultra: 0, restricted: true },
    "Chile Central": { zones: 3 },
  },
  UK: {
    "UK South": { pair: "ukwest", zones: 3, premiumV2: 3, ultra: 3 },
    "UK West": { pair: "uksouth", zones: 0, premiumV2: 0, ultra: 0 },
  },
  US: {
    "Central US": { pair: "eastus2", zones: 3, premiumV2: 3, ultra: 3 },
    "East US": { pair: "westus", zones: 3, premiumV2: 3, ultra: 3 },
    "East US 2": { pair: "centralus", zones: 3, premiumV2: 3, ultra: 3 },
    "North Central US": { pair: "southcentralus", zones: 0, premiumV2: 0, ultra: 0 },
    "South Central US": { pair: "northcentralus", zones: 3, premiumV2: 3, ultra: 2 },
    "West Central US": { pair: "westus2", zones: 0, premiumV2: 0 },
    "West US": { pair: "eastus", zones: 0, premiumV2: 0, ultra: 0 },
    "West US 2": { pair: "westcentralus", zones: 3, premiumV2: 3, ultra: 3 },
    "West US 3": { pair: "eastus", zones: 3, premiumV2: 3, ultra: 3 },
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
      Object.entries(regions).map(
        ([displayName, region]) => [normalLocation(displayName), { displayName, group, ...region }] as const,
      ),
    )
    .toSorted(([one], [other]) => (one < other ? -1 : 1)),
);
