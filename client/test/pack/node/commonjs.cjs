const { Pull } = require("echo-pull")
const { FakePull } = require("echo-pull/testing")
const { check } = require("./check.cjs")

check(Pull, FakePull)
