import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
    { ignores: ["dist/", "node_modules/", "src/conventions.ts"] },
    eslint.configs.recommended,
    {
        files: ["src/**/*.ts", "tests/**/*.ts"],
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
