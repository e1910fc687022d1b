import packageJson from "../../package.json" with { type: "json" };

export const driverVersion: string = packageJson.version;
