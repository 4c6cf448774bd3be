#include "io/text_proto.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <charconv>
#include <set>

#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

constexpr int kMaxDepth = 100;
constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

/// Keeps the first error.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text_.empty()) {
      text_ = message_of(line + 1, ":", column + 1, ": ", message);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// "FP32, BF16".
std::string names_of(const EnumDescriptor& type) {
  std::string names;
  for (int value = 0; value < type.value_count(); ++value) {
    names += (value > 0 ? ", " : "") + type.value(value)->name();
  }
  return names;
}

/// Of the fields of that name in the message and in those inside it, the enumerations.
void find_enumerations(const Descriptor& message, std::string_view name,
                       std::set<const Descriptor*>& seen, std::set<const EnumDescriptor*>& found) {
  if (!seen.insert(&message).second) {
    return;
  }
  for (int f = 0; f < message.field_count(); ++f) {
    const FieldDescriptor& field = *message.field(f);
    if (field.enum_type() != nullptr && field.name() == name) {
      found.insert(field.enum_type());
    } else if (field.message_type() != nullptr) {
      find_enumerations(*field.message_type(), name, seen, found);
    }
  }
}

/// The parser's complaint; of a value that an enumeration does not have, with those that it has.
std::string with_enumeration(const std::string& complaint, const Descriptor& message) {
  constexpr std::string_view kBeforeField = " for field \"";
  const std::size_t before = complaint.rfind(kBeforeField);
  if (complaint.find("Unknown enumeration value") == std::string::npos ||
      before == std::string::npos) {
    return complaint;
  }
  const std::size_t name = before + kBeforeField.size();
  const std::size_t end = complaint.find('"', name);
  std::set<const Descriptor*> seen;
  std::set<const EnumDescriptor*> found;
  find_enumerations(message, std::string_view(complaint).substr(name, end - name), seen, found);
  return found.size() != 1 ? complaint
                           : complaint.substr(0, end + 1) + " where one of " +
                                 names_of(**found.begin()) + " was expected";
}

enum class Onto { kNothing, kWhatStands };

/// Empty, or what is wrong with the text. Onto nothing, a field given twice is an error.
std::string read_onto(Onto onto, std::string_view text, Message& message) {
  FirstError error;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(kMaxDepth);
  const std::string whole(text);
  const bool ok = onto == Onto::kNothing ? parser.ParseFromString(whole, &message)
                                         : parser.MergeFromString(whole, &message);
  if (ok) {
    return "";
  }
  return error.text().empty() ? "1:1: cannot be read"
                              : with_enumeration(error.text(), *message.GetDescriptor());
}

/// One step of a dotted path: `domains[2]`.
struct Step {
  std::string name;
  int index = -1;
};

Step step_of(std::string_view text, std::string_view path) {
  const auto bracket = text.find('[');
  Step step{std::string(text.substr(0, bracket)), -1};
  if (bracket != std::string_view::npos) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + bracket + 1, end, step.index);
    check_input(read.ec == std::errc() && read.ptr + 1 == end && *read.ptr == ']' && step.index >= 0,
                "--set ", path, ": ", text, " is not a field or field[index]");
  }
  return step;
}

const FieldDescriptor* field_of(const Message& message, const Step& step, std::string_view path) {
  const auto* field = message.GetDescriptor()->FindFieldByName(step.name);
  check_input(field != nullptr, "--set ", path, ": ", message.GetDescriptor()->name(),
              " has no field ", step.name);
  return field;
}

Message& child(Message& message, const Step& step, std::string_view path) {
  const auto* field = field_of(message, step, path);
  check_input(field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE, "--set ", path, ": ",
              step.name, " has no fields of its own");
  const auto* reflection = message.GetReflection();
  if (!field->is_repeated()) {
    check_input(step.index < 0, "--set ", path, ": ", step.name, " is not a list");
    return *reflection->MutableMessage(&message, field);
  }
  const int size = reflection->FieldSize(message, field);
  check_input(size > 0, "--set ", path, ": ", step.name, " has no entries");
  check_input(step.index >= 0, "--set ", path, ": ", step.name, " is a list: say which, ",
              step.name, "[0] to [", size - 1, "]");
  check_input(step.index < size, "--set ", path, ": ", step.name, " has entries [0] to [", size - 1,
              "], and no [", step.index, "]");
  return *reflection->MutableRepeatedMessage(&message, field, step.index);
}

/// The last step of a path, a field that is set as a whole.
const FieldDescriptor& whole_field(const Message& message, const Step& step,
                                   std::string_view path) {
  const FieldDescriptor& field = *field_of(message, step, path);
  check_input(step.index < 0 || field.is_repeated(), "--set ", path, ": ", step.name,
              " is not a list");
  check_input(step.index < 0, "--set ", path, ": ", step.name,
              field.message_type() != nullptr
                  ? ": of an entry the fields are set, one by one"
                  : ": a list is set as a whole, its entries separated by commas");
  return field;
}

std::string quoted(std::string_view value) {
  if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
    return std::string(value);
  }
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text += '\\';
    }
    text += c;
  }
  return text + '"';
}

std::string item_text(const FieldDescriptor& field, std::string_view value) {
  const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  const std::string body = is_text ? quoted(value) : std::string(value);
  return field.name() + (is_message ? " " : ": ") + body + "\n";
}

void assign(Message& message, const FieldDescriptor& field, std::string_view value,
            std::string_view path) {
  std::string text;
  if (field.is_repeated() && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    for (std::size_t begin = 0; begin <= value.size() && !value.empty();) {
      const std::size_t end = std::min(value.find(',', begin), value.size());
      text += item_text(field, value.substr(begin, end - begin));
      begin = end + 1;
    }
  } else {
    text = item_text(field, value);
  }
  message.GetReflection()->ClearField(&message, &field);
  const std::string error = read_onto(Onto::kWhatStands, text, message);
  check_input(error.empty() || field.enum_type() == nullptr, "--set ", path, ": ", value,
              " is none of ", field.enum_type() != nullptr ? names_of(*field.enum_type()) : "");
  check_input(error.empty(), "--set ", path, ": ", value, " is not a value for it (", error, ")");
}

}  // namespace

void parse_text_proto(std::string_view text, const std::string& name, Message& message) {
  check_input(text.size() <= kMaxBytes, name, ": ", text.size(), " bytes are too many for a config");
  const std::string error = read_onto(Onto::kNothing, text, message);
  check_input(error.empty(), name, ":", error);
  const google::protobuf::LogSilencer silence;
  // Reading the binary form back is what checks strings for UTF-8.
  check_input(message.ParseFromString(message.SerializeAsString()), name,
              ": a string in it is not valid UTF-8");
}

void read_text_proto(const std::filesystem::path& path, Message& message) {
  parse_text_proto(read_file(path), path.string(), message);
}

void set_field(Message& message, std::string_view assignment, std::string_view prefix) {
  const auto equals = assignment.find('=');
  check_input(equals != std::string_view::npos && equals > 0, "--set ", prefix, assignment,
              ": expected field=value");
  const std::string_view path = assignment.substr(0, equals);
  const std::string given = message_of(prefix, path);
  Message* owner = &message;
  std::size_t begin = 0;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', begin)) {
    owner = &child(*owner, step_of(path.substr(begin, dot - begin), given), given);
    begin = dot + 1;
  }
  const FieldDescriptor& field = whole_field(*owner, step_of(path.substr(begin), given), given);
  assign(*owner, field, assignment.substr(equals + 1), given);
}

std::string text_of(const Message& message) {
  std::string text;
  check(TextFormat::PrintToString(message, &text), "a message cannot be printed");
  return text;
}

std::string text_with_short_lists(const Message& message) {
  TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  std::string text;
  check(printer.PrintToString(message, &text), "a message cannot be printed");
  return text;
}

}  // namespace bam
