import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
    { ignores: ["dist/", "node_modules/", "src/conventions.ts"] },
    eslint.configs.recommended,
    {
        files: ["src/**/*.ts", "tests/**/*.ts", "bench/**/*.ts"],
        extends: [tseslint.configs.strictTypeChecked],
        languageOptions: {
            parserOptions: {
                project: "./tsconfig.tests.json",
                tsconfigRootDir: import.meta.dirname,
            },
        },
        rules: {
            // Numbers in messages need no conversion.
            "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
            // What OpenTelemetry 3 deprecates is all that 2.12 has; both are supported.
            "@typescript-eslint/no-deprecated": "off",
            // The types say that JSON.stringify and globalThis always give a value; they may not.
            "@typescript-eslint/no-unnecessary-condition": "off",
            // Texts of OpenTelemetry's values are `any` inside lists, in one of its releases.
            "@typescript-eslint/no-redundant-type-constituents": "off",
            "@typescript-eslint/no-unused-vars": [
                "error",
                { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
            ],
        },
    },
    {
        files: ["tests/**/*.ts"],
        rules: {
            // node:test runs what `test()` returns.
            "@typescript-eslint/no-floating-promises": "off",
        },
    },
    { files: ["*.mjs"], languageOptions: { globals: { process: "readonly" } } },
);
