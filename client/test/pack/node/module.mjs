import { Pull } from "echo-pull"
import { FakePull } from "echo-pull/testing"
import { check } from "./check.cjs"

check(Pull, FakePull)
