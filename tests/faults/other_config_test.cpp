// A checkpoint of another config: every field is changed, one at a time.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "io/run_config.h"
#include "launch/same_run.h"
#include "runtime/check.h"
#include "tests/faults/fault_report.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string refusal_of(const proto::RunConfig& checkpoint, const proto::RunConfig& wanted) {
  try {
    check_same_run(checkpoint, wanted, "run/step-3");
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

/// Another value of a field that is no message.
void change(Message& owner, const FieldDescriptor* field) {
  const Reflection& with = *owner.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return with.SetInt64(&owner, field, with.GetInt64(owner, field) + 1);
    case FieldDescriptor::CPPTYPE_UINT64:
      return with.SetUInt64(&owner, field, with.GetUInt64(owner, field) + 1);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return with.SetDouble(&owner, field, with.GetDouble(owner, field) + 0.5);
    case FieldDescriptor::CPPTYPE_BOOL:
      return with.SetBool(&owner, field, !with.GetBool(owner, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return with.SetEnumValue(&owner, field, with.GetEnumValue(owner, field) + 1);
    case FieldDescriptor::CPPTYPE_STRING:
      return with.SetString(&owner, field, with.GetString(owner, field) + "x");
    default:
      FAIL() << field->full_name() << ": a type that this test does not change";
  }
}

/// Calls `visit(owner, field, path)` for each field that is no message, of a message that holds
/// all.
template <class Visit>
void for_each_field(Message& message, const std::string& path, const Visit& visit) {
  const Reflection& with = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const std::string name = path + (path.empty() ? "" : ".") + field->name();
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_message && field->is_repeated()) {
      for (int at = 0; at < with.FieldSize(message, field); ++at) {
        for_each_field(*with.MutableRepeatedMessage(&message, field, at),
                       name + "[" + std::to_string(at) + "]", visit);
      }
    } else if (is_message) {
      for_each_field(*with.MutableMessage(&message, field), name, visit);
    } else if (!field->is_repeated()) {
      visit(message, field, name);
    }
  }
}

/// Changes the field of that number and returns its path; empty where there are not as many.
std::string change_field(proto::RunConfig& config, int number) {
  std::string changed;
  int at = 0;
  for_each_field(config, "",
                 [&](Message& owner, const FieldDescriptor* field, const std::string& name) {
                   if (at++ == number) {
                     change(owner, field);
                     changed = name;
                   }
                 });
  return changed;
}

TEST(OtherConfig, F9_EveryFieldThatIsChangedIsNamedWithBothValues) {
  const proto::RunConfig trained = tiny_run_config(kTinyMixture);
  FaultTally row(
      {.fault = "F9", .injection = "a field of the config changed", .goal = "every field"});
  for (int number = 0;; ++number) {
    proto::RunConfig wanted = trained;
    const std::string name = change_field(wanted, number);
    if (name.empty()) {
      break;
    }
    const std::string refusal = refusal_of(trained, wanted);
    if (may_change(name)) {
      EXPECT_EQ(refusal, "") << name;
      continue;
    }
    const bool is_named = refusal.find(": " + name + ": ") != std::string::npos &&
                          refusal.find(" against ") != std::string::npos;
    row.add(
        {.detected = is_named, .bad_accepted = refusal.empty(), .seconds = {}, .steps_lost = {}});
    EXPECT_TRUE(is_named) << name << ": " << refusal;
  }
  EXPECT_GT(row.trials(), 30);
}

TEST(OtherConfig, ListsAndPresenceCount) {
  const proto::RunConfig trained = tiny_run_config(kTinyMixture);
  proto::RunConfig wanted = trained;
  wanted.mutable_optimizer()->add_no_decay("ROUTER");
  EXPECT_NE(refusal_of(trained, wanted).find("optimizer.no_decay[1]: absent against ROUTER"),
            std::string::npos);
  wanted = trained;
  wanted.mutable_model()->clear_mixture();
  EXPECT_NE(refusal_of(trained, wanted).find("model.mixture.ffn.experts: 3 against absent"),
            std::string::npos);
  wanted = trained;
  *wanted.mutable_data()->add_domains() = trained.data().domains(0);
  EXPECT_NE(refusal_of(trained, wanted).find("data.domains[1].name: absent against code"),
            std::string::npos);
}

TEST(OtherConfig, DefaultsWrittenOutOrNotAreTheSame) {
  const proto::RunConfig trained = tiny_run_config();
  proto::RunConfig wanted = trained;
  wanted.mutable_optimizer()->clear_beta1();
  wanted.mutable_model()->clear_rope_theta();
  EXPECT_EQ(refusal_of(trained, wanted), "");
}

TEST(OtherConfig, WhatWasNotTrainedIsNobodysRun) {
  proto::RunConfig upcycled;
  *upcycled.mutable_model() = tiny_run_config().model();
  EXPECT_EQ(refusal_of(upcycled, tiny_run_config(kTinyMixture)), "");
}

}  // namespace
}  // namespace bam
