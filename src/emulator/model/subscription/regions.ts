import { type ArmFailure, armErrors } from "../api/errors.ts";
import { normalLocation, type World } from "../world.ts";

/** The regions of Azure's public cloud (Learn, List of Azure regions), by the names that answers show. */
const DISPLAY_NAMES: Readonly<Record<string, string>> = {
  australiacentral: "Australia Central",
  australiacentral2: "Australia Central 2",
  australiaeast: "Australia East",
  australiasoutheast: "Australia Southeast",
  austriaeast: "Austria East",
  belgiumcentral: "Belgium Central",
  brazilsouth: "Brazil South",
  brazilsoutheast: "Brazil Southeast",
  canadacentral: "Canada Central",
  canadaeast: "Canada East",
  centralindia: "Central India",
  centralus: "Central US",
  chilecentral: "Chile Central",
  denmarkeast: "Denmark East",
  eastasia: "East Asia",
  eastus: "East US",
  eastus2: "East US 2",
  francecentral: "France Central",
  francesouth: "France South",
  germanynorth: "Germany North",
  germanywestcentral: "Germany West Central",
  indonesiacentral: "Indonesia Central",
  israelcentral: "Israel Central",
  italynorth: "Italy North",
  japaneast: "Japan East",
  japanwest: "Japan West",
  koreacentral: "Korea Central",
  koreasouth: "Korea South",
  malaysiawest: "Malaysia West",
  mexicocentral: "Mexico Central",
  newzealandnorth: "New Zealand North",
  northcentralus: "North Central US",
  northeurope: "North Europe",
  norwayeast: "Norway East",
  norwaywest: "Norway West",
  polandcentral: "Poland Central",
  qatarcentral: "Qatar Central",
  southafricanorth: "South Africa North",
  southafricawest: "South Africa West",
  southcentralus: "South Central US",
  southeastasia: "Southeast Asia",
  southindia: "South India",
  spaincentral: "Spain Central",
  swedencentral: "Sweden Central",
  swedensouth: "Sweden South",
  switzerlandnorth: "Switzerland North",
  switzerlandwest: "Switzerland West",
  uaecentral: "UAE Central",
  uaenorth: "UAE North",
  uksouth: "UK South",
  ukwest: "UK West",
  westcentralus: "West Central US",
  westeurope: "West Europe",
  westindia: "West India",
  westus: "West US",
  westus2: "West US 2",
  westus3: "West US 3",
};

/** The regions of every subscription: those that the settings name, or all of Azure's public cloud. */
export function regionsOf({ settings }: Pick<World, "settings">): readonly string[] {
  return settings.locations.length > 0 ? settings.locations.map(normalLocation) : Object.keys(DISPLAY_NAMES);
}

/** `East US` for `eastus`; the name itself of a region that only the settings name. */
export function displayNameOf(region: string): string {
  return DISPLAY_NAMES[region] ?? region;
}

export function hasRegion(world: Pick<World, "settings">, location: string): boolean {
  return regionsOf(world).includes(normalLocation(location));
}

/** Why there can be no resource of a type, such as `Microsoft.Compute/disks`, in a region. */
export function checkRegion(
  world: Pick<World, "settings">,
  location: string,
  resourceType: string,
): ArmFailure | undefined {
  return hasRegion(world, location)
    ? undefined
    : armErrors.locationNotAvailable(location, resourceType, regionsOf(world));
}
